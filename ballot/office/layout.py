"""Where things are in the folder of a referendum that one organisation runs by itself.

    DIR/referendum.toml  draft            DIR/keys/*.json      public keys of all parties
    DIR/manifest.json    frozen           DIR/public/          the published bundle
    DIR/settings.toml    databases                 DIR/witnesses.policy  where witnesses elsewhere answer
    DIR/trustee-1/ officer-1/ registrar-1/ witness-1/ box/ log/ client/ importer/ authority/ desk/   secrets

In a binding referendum these folders lie on different machines; every piece works on one folder alone. Decides
names only.
"""

from __future__ import annotations

from pathlib import Path


class Layout:
    """The paths below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def draft(self) -> Path:
        return self.root / "referendum.toml"

    @property
    def manifest_file(self) -> Path:
        return self.root / "manifest.json"

    @property
    def id_file(self) -> Path:
        return self.root / "referendum.id"

    @property
    def witness_policy(self) -> Path:
        """Where the witnesses answer that run elsewhere."""
        return self.root / "witnesses.policy"

    @property
    def public(self) -> Path:
        return self.root / "public"

    @property
    def public_keys(self) -> Path:
        return self.root / "keys"

    def key_path(self, party: str) -> Path:
        """The secret file of a party such as `officer-2` or `box`."""
        return self.root / party / f"{party.partition('-')[0]}.key"

    def folder(self, party: str) -> Path:
        """A party's own folder. It may be missing."""
        return self.root / party

    def make_folder(self, party: str) -> Path:
        """The same, made if it is missing, for its owner only."""
        path = self.folder(party)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    @property
    def purge_record(self) -> Path:
        """What was destroyed and two officers have not signed in the log yet."""
        return self.root / "purge.json"

    @property
    def paper_seed(self) -> Path:
        """From which a few paper votes are encrypted; there only until they stand in the log."""
        return self.folder("officer-1") / "paper.seed"

    @property
    def pepper_file(self) -> Path:
        return self.folder("registrar-1") / "pepper"
