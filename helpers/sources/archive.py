"""zip -> folder of images, whole or not at all."""

import shutil
import tempfile
import zipfile
from pathlib import Path

from helpers.files import WorkbookError
from helpers.progress import progress

MAX_UNPACKED_BYTES = 2 * 10**9


def unpack(archive, folder):
    """Unpack the images of a zip into `folder`, which appears whole or not at all.

    Raises WorkbookError for a damaged zip, and for members that would land outside the folder.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in progress(_images_in(opened, archive), desc="Unpacking", unit="image"):
                opened.extract(member, temporary)
        move_into_place(temporary, folder)
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        reason = f"{archive} is not a readable zip file ({error}). Download it again."
        raise WorkbookError(reason) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _images_in(opened, archive):
    members = [m for m in opened.infolist() if not m.is_dir()]
    for member in members:
        name, is_link = member.filename, (member.external_attr >> 16) & 0o170000 == 0o120000
        if name.startswith(("/", "\\")) or ".." in Path(name).parts or is_link:
            raise WorkbookError(
                f"{archive} holds a member that would land outside its folder: {name}. "
                "Nothing was unpacked; use the archive from its public address."
            )
    if sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
        reason = "would unpack to more than 2 GB, so it is not the archive of the 15 scenes."
        raise WorkbookError(f"{archive} {reason}")
    return [m for m in members if m.filename.lower().endswith((".jpg", ".jpeg", ".png"))]


def move_into_place(temporary, folder):
    """Put `temporary` in place of `folder`; the old one is kept until the new one is there."""
    old = None
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    if old:
        shutil.rmtree(old, ignore_errors=True)
