"""The exact turns of a model: all that its chat template writes around the messages of a talk."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What stands before and after a model's thoughts, and between these and its answer."""

    prefix: str
    suffix: str
    separator: str = "\n"


@dataclass(frozen=True, kw_only=True)
class Turns:
    """All that stands around the messages of a talk, to the character; SillyTavern adds nothing to it.

    first_input: before the talk's first message, if it is the user's; "" where it is as before any other. generation:
    before the answer that the model is to write; it ends with `opening` where the template itself opens the thoughts.
    """

    story_prefix: str = ""
    story_suffix: str = ""
    input_prefix: str = ""
    input_suffix: str = ""
    output_prefix: str = ""
    output_suffix: str = ""
    system_prefix: str = ""  # of a system message within the talk
    system_suffix: str = ""
    system_as_user: bool = False  # such a message is written as the user's: the template has no other way
    first_input: str = ""
    generation: str = ""
    opening: str = ""
    stops: tuple[str, ...] = ()  # each one line
    needs_user_first: bool = False  # the template has no turns for a talk that the model begins
    has_macros: bool = False  # the turns hold a macro of SillyTavern, such as today's date
    reasoning: Marks | None = None
    quiet: "Turns | None" = None  # with thoughts off, if the template has a switch that turns them off
    thinking: "Turns | None" = None  # with thoughts on, if the template has a switch that turns them on
    is_exact: bool = True  # a talk of three turns is to the character what the template writes
    lacks: tuple[str, ...] = ()  # what SillyTavern's instruct mode cannot express of the template

    @property
    def joins_story(self) -> bool:
        """Whether the story and the user's first message are one turn."""
        return bool(self.first_input) and not self.story_suffix

    @property
    def leaves_header_open(self) -> bool:
        """Whether the model itself writes the end of its turn's header, such as a channel, where no name may stand."""
        if not self.generation or not self.output_prefix.startswith(self.generation):
            return False
        rest = self.output_prefix.removeprefix(self.generation).strip()
        return bool(rest) and not (self.reasoning and rest.startswith(self.reasoning.prefix.strip()))
