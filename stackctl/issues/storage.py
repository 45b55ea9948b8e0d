"""Disks, folders and file systems."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="disk-full", title="a disk has no room left", kind="does_not_fit"),
    Issue(id="disk-low", title="a disk has little room left", kind="does_not_fit"),
    Issue(id="inodes-used-up", title="a file system has no room for more files", kind="does_not_fit"),
    Issue(id="folder-not-writable", title="the stack's folder can't be written", kind="data"),
    Issue(id="folder-read-only", title="a folder of the stack lies on a read-only file system", kind="data"),
    Issue(id="folder-keeps-no-permissions", title="a folder's file system keeps no owners or permissions", kind="data"),
    Issue(id="folder-not-seen", title="the engine does not see a folder or file of this machine", kind="not_mountable"),
    Issue(id="folder-not-readable", title="the engine may not read a folder or file", kind="not_mountable"),
    Issue(id="folder-owner-wrong", title="a folder, file or link belongs to another user", kind="data"),
    Issue(id="disk-not-mounted", title="a disk or share of the stack is not mounted", kind="data"),
    Issue(id="model-on-network-share", title="the model lies on a network share", kind="model"),
    Issue(id="data-not-kept", title="the user's data could not be written or kept safe", kind="data"),
)
