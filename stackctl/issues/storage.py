"""Disks, folders and file systems."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="disk-full",
        title="a disk has no room left",
        kind="does_not_fit",
        meaning="An image, a model, the stack's files or SillyTavern's data do not fit on their disk. What is already "
        "there stays; a write that was cut off is repeated by the next run.",
        seen="Before a pull, a download or a copy stackctl compares the size with the free space, and keeps 200 MiB "
        "free for chats; while they run it reads the system's errors. `stackctl doctor` looks at each disk that the "
        "stack uses.",
        repair="`df -h` shows which disk is full. Images: `docker system df` shows what they take, `docker image "
        "prune` removes those that no container uses. Models: `stackctl models list`, then `stackctl models remove "
        "NAME`, or put them on another disk with `stackctl models pull --to FOLDER`. Logs of the system: `sudo "
        "journalctl --vacuum-size=200M`.",
        sources=("https://docs.docker.com/engine/manage-resources/pruning/",),
    ),
    Issue(
        id="disk-low",
        title="a disk has little room left",
        kind="does_not_fit",
        meaning="The stack works, but the next image, model or backup will not fit.",
        seen="`stackctl doctor` looks at the free space where the engine keeps images, where models lie, and of the "
        "stack's folder.",
        repair="As for a full disk: `docker system df` and `docker image prune` for images, `stackctl models list` "
        "and `stackctl models remove NAME` for models.",
        sources=("https://docs.docker.com/engine/manage-resources/pruning/",),
    ),
    Issue(
        id="inodes-used-up",
        title="a file system has no room for more files",
        kind="does_not_fit",
        meaning="A file system has a fixed number of files (inodes) and they are used up, although gigabytes may be "
        'free. Writing ends with "no space left on device".',
        seen="`stackctl doctor` reads the free inodes of each file system that the stack uses.",
        repair="`df -i` shows the file system; `sudo du --inodes -xd3 / | sort -n | tail` shows the folders with most "
        "files. Where images lie, `docker image prune` removes many at once.",
        sources=("https://man7.org/linux/man-pages/man1/df.1.html",),
    ),
    Issue(
        id="folder-not-writable",
        title="the stack's folder can't be written",
        kind="data",
        meaning="A file or folder of the stack can't be written or entered by this user. Nothing was changed.",
        seen="The system refused it; its words are in the message. `stackctl doctor` compares the owner and mode of "
        "the folder with this user.",
        repair="`ls -ld FOLDER` shows whom it belongs to. Run stackctl as that user, or take the folder over: `sudo "
        "chown -R $USER FOLDER`. Do not run stackctl with sudo in a folder of another user.",
        undo="`sudo chown -R USER FOLDER` with the user that it belonged to.",
    ),
    Issue(
        id="folder-read-only",
        title="a folder of the stack lies on a read-only file system",
        kind="data",
        meaning="SillyTavern would start, but could save neither chats nor settings.",
        seen="The system says so of the mount that the folder lies on.",
        repair="`sudo mount -o remount,rw MOUNTPOINT`. Look at `sudo dmesg` first: the kernel turns a damaged file "
        "system read-only by itself; then unmount it and run `fsck`.",
        undo="`sudo mount -o remount,ro MOUNTPOINT`.",
        sources=("https://man7.org/linux/man-pages/man8/mount.8.html",),
    ),
    Issue(
        id="folder-keeps-no-permissions",
        title="a folder's file system keeps no owners or permissions",
        kind="data",
        meaning="On FAT, exFAT, some NTFS mounts and some network shares each file belongs to one user and has one "
        "mode. Keys could be read by others, and SillyTavern could not own its data.",
        seen="stackctl makes a file in the folder, sets its mode and owner, and reads them back.",
        repair="Move the stack's folder, or `sillytavern.data`, to a disk with ext4, XFS or Btrfs. Models may stay "
        "where they are.",
        undo="Move the folder back. The stack runs from wherever `stackctl deploy` was run last.",
    ),
    Issue(
        id="folder-not-seen",
        title="the engine does not see a folder or file of this machine",
        kind="not_mountable",
        meaning="The path exists here, but the engine looks at another disk: it comes from a snap, runs in Docker "
        "Desktop's virtual machine or on another machine, or stackctl itself runs in a container; or a disk was "
        "mounted after the engine's start; or the disk is not mounted at all.",
        seen="The engine refused to mount the path, or in a container it is not mounted at the same path as on the "
        "host. `stackctl doctor` compares what is mounted for the engine.",
        repair="By the hint: put the folder into your home folder (snap), share it at Settings > Resources > File "
        "sharing (Docker Desktop), mount it with `-v PATH:PATH` (stackctl in a container), or run `sudo systemctl "
        "restart docker` (a later mount). Then run `stackctl deploy` again.",
        sources=("https://docs.docker.com/engine/storage/bind-mounts/",),
    ),
    Issue(
        id="folder-not-readable",
        title="the engine may not read a folder or file",
        kind="not_mountable",
        meaning="The engine, or the user that a service runs as, is refused by the file system: permissions, an NFS "
        "export with root_squash, a FUSE mount without allow_other, or folders on the way that are closed to others.",
        seen="The engine's words (\"permission denied\") name the path; the mode of a model's files is compared with "
        "the user that reads them.",
        repair="`chmod o+x` on the folders on the way, and `chmod a+r FILE`. For NFS, export it with no_root_squash; "
        "for sshfs and other FUSE mounts, mount with `-o allow_other`. Or copy the file to a disk of this machine.",
        undo="`chmod o-x` and `chmod o-r` take the permissions back.",
        sources=("https://man7.org/linux/man-pages/man5/exports.5.html",),
    ),
    Issue(
        id="folder-owner-wrong",
        title="a folder, file or link belongs to another user",
        kind="data",
        meaning="The data belongs to another user than the one that would write it. As root, stackctl writes nothing "
        "where another user could lead it astray by a link; SillyTavern could not save into folders of others.",
        seen="Owners are compared before anything is written.",
        repair="`ls -l` shows the owner. Run stackctl as that user, without sudo; or give it the files: `sudo chown "
        "-R USER FOLDER`. Remove a link that is named, and put the file itself there.",
        undo="`sudo chown -R USER FOLDER` with the user before.",
    ),
    Issue(
        id="disk-not-mounted",
        title="a disk or share of the stack is not mounted",
        kind="data",
        meaning="Chats or a model lie on another disk, which is not there now, often after a reboot. Starting would "
        "show an empty SillyTavern, or create files below the mount point.",
        seen="stackctl records where the disk of the chats was mounted when the stack was ready; `stackctl doctor` "
        "also compares `/etc/fstab` with what is mounted.",
        repair="`sudo mount MOUNTPOINT`, then `stackctl start`. If the disk is gone for good, the hint names the "
        "record to remove, after which the stack starts without these chats. `stackctl doctor --fix` mounts it after "
        "one yes.",
        undo="`sudo umount MOUNTPOINT`.",
        sources=("https://man7.org/linux/man-pages/man5/fstab.5.html",),
    ),
    Issue(
        id="model-on-network-share",
        title="the model lies on a network share",
        kind="model",
        meaning="A model is read into memory page by page. Over a network that is slow, can stall, and some shares "
        "can't map files into memory at all. A Windows share (`\\\\server\\...`) is no path that Linux can open.",
        seen="`stackctl doctor` reads the type of the model's file system; `stackctl import` sees the path in the "
        "file.",
        repair="Copy the model to a disk of this machine, then run `stackctl deploy --model /path/to/MODEL.gguf`.",
        undo="Set `model.path` in stack.toml back to the share.",
    ),
    Issue(
        id="data-not-kept",
        title="the user's data could not be written or kept safe",
        kind="data",
        meaning="A file of the stack or of SillyTavern could not be read, written or copied safely, so stackctl "
        "stopped instead of risking it. Where the data lies stands in the message.",
        seen="The system's error, or a file that is not what stackctl left there: a link, a device, or far too large.",
        repair="`ls -ld` on the path shows what it is and who may use it, `df -h` whether its disk is full. Move away "
        "what is not yours, then run the command again: it is safe to repeat.",
    ),
)
