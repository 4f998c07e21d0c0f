"""address -> verified folder: fetch the public archive of the 15 scenes, check it, unpack it."""

import hashlib
import http.client
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from helpers.files import DATA, WorkbookError, cache_folder
from helpers.progress import progress
from helpers.sources.archive import move_into_place, unpack
from helpers.sources.photographs import SCENES_FOLDER

# The archive's public addresses and its digest. Source: Lazebnik, Schmid & Ponce (CVPR 2006) and
# their course pages.
ADDRESSES = (
    "http://www-cvr.ai.uiuc.edu/ponce_grp/data/scene_categories/scene_categories.zip",
    "http://www.cs.illinois.edu/homes/slazebni/research/scene_categories.zip",
    "http://www.cs.unc.edu/~lazebnik/research/scene_categories.zip",
)
MD5 = "58828019197b2ad0a7efb472e7a85c2a"


def fetch_archive(addresses=ADDRESSES, md5=MD5, folder=None, timeout_s=20):
    """Download the archive from the first address that gives the right file; return its path.

    What has arrived is kept: the next call goes on from there. Raises WorkbookError when no address
    gives a file with the digest `md5`.
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
        "The photographs could not be downloaded; the workbook uses its mini scenes instead. If you have the "
        "archive, run `workbook data --from scene_categories.zip`; else try again later: what has arrived is kept.\n  "
        + "\n  ".join(failures)
    )


def _resume(address, part, timeout_s):
    """Append the missing bytes to `part`; start again if the server cannot resume."""
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
        with progress(
            total=expected or None, initial=file.tell(), unit="B", unit_scale=True
        ) as bar:
            while chunk := response.read(1 << 18):
                file.write(chunk)
                bar.update(len(chunk))
        if file.tell() < expected:
            raise OSError(f"the connection ended after {file.tell():,} of {expected:,} bytes")


def file_md5(path):
    """Return the md5 digest of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def install_scenes(source=None, folder=SCENES_FOLDER):
    """Put the photographs, downloaded or from a zip or folder, into `folder`; return that."""
    if source is None:
        archive = fetch_archive()
        unpack(archive, folder)
        archive.unlink()
    elif Path(source).is_dir():
        temporary = Path(tempfile.mkdtemp(dir=DATA, prefix=f".{folder.name}."))
        shutil.copytree(source, temporary, dirs_exist_ok=True)
        move_into_place(temporary, folder)
    elif Path(source).is_file():
        unpack(source, folder)
    else:
        raise WorkbookError(
            f"There is no file or folder {source}. Name the zip or the folder of the photographs."
        )
    return folder
