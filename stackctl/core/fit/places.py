"""The places of a graph's tensors in a GPU's buffer, as llama.cpp's operations take them and give them back."""

from stackctl.core.fit.allocator import Allocator
from stackctl.core.fit.terms import Run
from stackctl.core.model.shape import Layer, Weight

Place = tuple[int, int]


class Places:
    """The buffer while a batch goes through the blocks."""

    def __init__(self, run: Run, *, in_ram: bool) -> None:
        self.run, self.allocator = run, Allocator()
        self.tokens = run.batch
        self.kept: dict[str, Place] = {}
        self.leaving: list[Place] = []
        self.ahead: Layer | None = None
        self.take_sparse()
        self.residual: Place | None = None
        self.pictures: Place | None = None
        if run.shape.deepstack:
            self.begin_with_pictures(in_ram=in_ram)
        else:
            self.begin(in_ram=in_ram)

    def begin(self, *, in_ram: bool) -> None:
        """Take the embeddings: build_inp_embd."""
        mixed = [self.take(self.stream), self.take(self.stream), self.take(8 * self.tokens)]
        self.residual = self.take(self.stream)
        if not in_ram:
            self.keep_inputs()
        self.take(self.stream)  # the mixed embeddings, which are never given back
        self.give(mixed[0])
        self.leaving = mixed[1:]

    def begin_with_pictures(self, *, in_ram: bool) -> None:
        """Take embeddings that have a part for each of the first blocks, which pictures use."""
        wide = self.stream * (1 + self.run.shape.deepstack)
        text, tokens, mixed = self.take(self.stream), self.take(self.stream), self.take(wide)
        if not in_ram:
            self.keep_inputs()
        self.pictures = self.take(wide)
        self.give(text)
        padded = self.take(wide)
        self.give(tokens)
        self.take(wide)  # never given back
        self.give(mixed, padded)
        self.leaving = []

    @property
    def stream(self) -> int:
        return self.rows(self.run.shape.embedding)

    def rows(self, values: int) -> int:
        return 4 * self.tokens * values

    def take(self, size: int) -> Place:
        return self.allocator.take(size)

    def give(self, *places: Place) -> None:
        for place in places:
            self.allocator.give(place)

    def keep(self, name: str, size: int) -> None:
        """Take a place for an input that all further blocks read, unless it has one."""
        if name not in self.kept:
            self.kept[name] = self.take(size)

    def times(self, weight: Weight, *, in_ram: bool = False, rows: int = 0, ahead: Layer | None = None) -> Place:
        """Multiply by a weight; return the result's place. ahead: the next block, if no other copy stands before it."""
        copy = self.take(weight.size) if in_ram else None
        if copy and ahead and ahead.key:
            self.keep_mask(ahead)
        result = self.take(self.rows(rows or weight.rows))
        if copy:
            self.give(copy)
        return result

    def scale(self, layer: Layer, name: str, *, in_ram: bool) -> None:
        """Multiply in place by a norm's weight."""
        weight = layer.optional(name)
        if in_ram and weight:
            self.give(self.take(weight.size))

    def again(self, place: Place, size: int) -> Place:
        """Make another tensor of one, which is then given back."""
        result = self.take(size)
        self.give(place)
        return result

    def through(
        self, weight: Weight, place: Place, *, in_ram: bool, rows: int = 0, ahead: Layer | None = None
    ) -> Place:
        """Multiply by a weight, and give the first place back."""
        result = self.times(weight, in_ram=in_ram, rows=rows, ahead=ahead)
        self.give(place)
        return result

    def keep_turns(self) -> None:
        self.keep("positions", 4 * self.run.batch)
        if self.turns:
            self.keep("turn of keys", self.turn(self.run.shape.head))

    def keep_inputs(self) -> None:
        """Take the places of all inputs of the attention at once."""
        run, layers = self.run, self.run.shape.layers
        self.keep_turns()
        if self.turns:
            self.keep("turn of values", self.turn(64))
        self.give(*reversed([self.take(8 * run.batch), self.take(8 * run.batch)]))
        if layers[0].key:
            self.keep_mask(layers[0])

    def take_sparse(self) -> None:
        """Take what masks the tokens that an indexer has not chosen: a tensor of each block, from the beginning."""
        run = self.run
        for layer in run.shape.layers:
            if run.shape.chosen and layer.key and not layer.slides:
                self.take(run.rows(min(run.shape.chosen, run.cells)))

    def keep_mask(self, layer: Layer) -> None:
        self.keep("window mask" if layer.slides else "mask", self.run.mask_of(layer))
        if self.run.shape.chosen and not layer.slides:
            self.keep("indexer's mask", self.run.mask_of(layer))

    @property
    def turns(self) -> bool:
        """Return whether a quantised cache keeps rotated keys and values (attn_rot_k in src/llama-kv-cache.cpp)."""
        lengths = self.run.shape.key_lengths
        return self.run.settings.is_quantised and len(lengths) == 1 and min(lengths) % 64 == 0

    @staticmethod
    def turn(length: int) -> int:
        return 4 * (length & -length) ** 2

    @property
    def slides(self) -> bool:
        return any(layer.slides for layer in self.run.shape.layers)
