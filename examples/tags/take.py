"""Takes the texts of the examples `tags` and `sentiment` from the source archive of vaderSentiment 3.3.2.

    pip download vaderSentiment==3.3.2 --no-deps --no-binary :all:
    python examples/tags/take.py vaderSentiment-3.3.2.tar.gz

The files are in the repository; this says where each text in them is from. It writes the same bytes again.
"""

import hashlib
import html
import io
import re
import sys
import tarfile
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SEED = 20261123
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
DATA = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
KINDS = {"tweet": "tweets", "movie": "movieReviewSnippets", "product": "amazonReviewSnippets"}
NAMES = {"tweet": "tweet", "movie": "movie review", "product": "product review"}
WORDS = (4, 60)
OF_EACH_KIND = 500
OF_EACH_SENTIMENT = 1250
CLEAR = 1.0  # of 4: the raters' mean from which a snippet counts as positive or negative
COARSE = re.compile(
    r"f.ck|sh.t\b|\bb.tch|n.gg[ae]|f.g+ot|c.nt\b|p.ssy|wh.re\b|\br.pe|r.tard|\bd.ck\b|naked", re.IGNORECASE
)
NAMED = re.compile(r"@(?!anonymous)\w")


def main() -> None:
    """Writes texts.csv here and reviews.csv beside the other example."""
    texts = read(Path(sys.argv[1]))
    fit = texts[texts["text"].map(lambda text: len(text.split())).between(*WORDS)].drop_duplicates("text")
    decent = fit[~fit["text"].str.contains(COARSE) & ~fit["text"].str.contains(NAMED)]

    kinds = decent.groupby("kind").sample(OF_EACH_KIND, random_state=SEED).sample(frac=1, random_state=SEED)
    write(kinds[["id", "text", "kind"]], HERE / "texts.csv")

    clear = decent[(decent["kind"] == NAMES["movie"]) & (decent["rating"].abs() >= CLEAR)]
    clear = clear.assign(sentiment=(clear["rating"] > 0).map({True: "positive", False: "negative"}))
    reviews = clear.groupby("sentiment").sample(OF_EACH_SENTIMENT, random_state=SEED).sample(frac=1, random_state=SEED)
    write(reviews[["id", "text", "sentiment"]], HERE.parent / "sentiment" / "reviews.csv")


def read(archive: Path) -> pd.DataFrame:
    """All texts of the three kinds: id, rating from -4 to 4, text with its HTML entities decoded, kind."""
    found = archive.read_bytes()
    if hashlib.sha256(found).hexdigest() != SHA256:
        raise SystemExit(f"{archive}: not the archive that the examples were taken from; expected SHA-256 {SHA256}")
    rows = []
    with tarfile.open(fileobj=io.BytesIO(found)) as outer, tarfile.open(fileobj=outer.extractfile(DATA)) as inner:
        files = {Path(member.name).name: member for member in inner.getmembers()}
        for kind, file in KINDS.items():
            lines = inner.extractfile(files[f"{file}_GroundTruth.txt"])
            for line in io.TextIOWrapper(lines, encoding="utf-8", newline="\r\n") if lines else ():
                number, rating, text = line.rstrip().split("\t")
                tidy = " ".join(html.unescape(text).split())
                rows.append((f"{kind}-{number}", float(rating), tidy, NAMES[kind]))
    return pd.DataFrame(rows, columns=["id", "rating", "text", "kind"])


def write(table: pd.DataFrame, path: Path) -> None:
    """A CSV file with Unix line ends; prints its hash."""
    table.to_csv(path, index=False, lineterminator="\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"wrote {path.name}, {len(table):,} texts, sha256 {digest}")


if __name__ == "__main__":
    main()
