"""address -> verified folder: fetch the public archive of the 15 scenes, check it, unpack it."""

import hashlib
import http.client
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from tqdm.auto import tqdm

from helpers.files import DATA, WorkbookError, cache_folder

# The archive's public addresses and its digest. Source: Lazebnik, Schmid & Ponce (CVPR 2006) and their course pages.
ADDRESSES = (
    "http://www-cvr.ai.uiuc.edu/ponce_grp/data/scene_categories/scene_categories.zip",
    "http://www.cs.illinois.edu/homes/slazebni/research/scene_categories.zip",
    "http://www.cs.unc.edu/~lazebnik/research/scene_categories.zip",
)
MD5 = "58828019197b2ad0a7efb472e7a85c2a"
SCENES_FOLDER = DATA / "15-scene"
MAX_UNPACKED_BYTES = 2 * 10**9


def fetch_archive(addresses=ADDRESSES, md5=MD5, folder=None, timeout_s=20):
    """Download the archive from the first address that gives the right file; return its path.

    What has arrived is kept: the next call goes on from there. Raises WorkbookError when no address gives a file with
    the digest `md5`.
    """
    part = Path(folder or cache_folder()) / "scene_categories.zip.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for address in addresses:
        try:
            _resume(address, part, timeout_s)
            if file_md5(part) == md5:
                return part.replace(part.with_suffix(""))
            part.unlink()
            failures.append(f"{address}: the file that came is not the archive (wrong md5)")
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{address}: {getattr(error, 'reason', None) or error}")
    raise WorkbookError(
        "The photographs could not be downloaded, and the workbook goes on with its mini scenes. If you have the "
        "archive, run `workbook data --from scene_categories.zip`; else try again later: what has arrived is kept.\n  "
        + "\n  ".join(failures)
    )


def _resume(address, part, timeout_s):
    """Append to `part` what the address still has to give; start anew where the server cannot go on in the middle."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send: the whole file is here
            return
        raise
    with response, open(part, "ab" if response.status == 206 else "wb") as file:
        expected = file.tell() + int(response.headers.get("Content-Length") or 0)
        print(f"Downloading {address}")
        with tqdm(total=expected or None, initial=file.tell(), unit="B", unit_scale=True, leave=False) as bar:
            while chunk := response.read(1 << 18):
                file.write(chunk)
                bar.update(len(chunk))
        if file.tell() < expected:
            raise OSError(f"the connection ended after {file.tell():,} of {expected:,} bytes")


def file_md5(path):
    """Return the md5 digest of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def unpack(archive, folder):
    """Unpack the images of a zip into `folder`, which appears whole or not at all.

    Raises WorkbookError for a file that is not a zip, a damaged one, and one with members that would land elsewhere.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in tqdm(_image_members(opened, archive), desc="Unpacking", unit="image", leave=False):
                opened.extract(member, temporary)
        _move_into_place(temporary, folder)
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise WorkbookError(f"{archive} is not a readable zip file ({error}). Download it again.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _image_members(opened, archive):
    members = [m for m in opened.infolist() if not m.is_dir()]
    for member in members:
        is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
        if member.filename.startswith(("/", "\\")) or ".." in Path(member.filename).parts or is_link:
            raise WorkbookError(
                f"{archive} holds a member that would land outside its folder: {member.filename}. Nothing was "
                "unpacked; use the archive from its public address."
            )
    if sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
        raise WorkbookError(f"{archive} would unpack to more than 2 GB; it is not the archive of the 15 scenes.")
    return [m for m in members if m.filename.lower().endswith((".jpg", ".jpeg", ".png"))]


def _move_into_place(temporary, folder):
    """Put `temporary` where `folder` is; an older folder is kept aside until the new one stands."""
    old = None
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    if old:
        shutil.rmtree(old, ignore_errors=True)


def install_scenes(source=None, folder=SCENES_FOLDER):
    """Put the photographs into data/15-scene: downloaded, or from a zip or folder the user has. Return the folder."""
    if source is None:
        archive = fetch_archive()
        unpack(archive, folder)
        archive.unlink()
    elif Path(source).is_dir():
        temporary = Path(tempfile.mkdtemp(dir=DATA, prefix=f".{folder.name}."))
        shutil.copytree(source, temporary, dirs_exist_ok=True)
        _move_into_place(temporary, folder)
    elif Path(source).is_file():
        unpack(source, folder)
    else:
        raise WorkbookError(f"There is no file or folder {source}. Name the zip or the folder of the photographs.")
    return folder
