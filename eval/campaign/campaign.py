"""Campaign: a folder, a study of Optuna's, and an engine that says what to train next."""

from __future__ import annotations

import json
import logging
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from filelock import FileLock

from data.errors import InputError
from data.files import atomic_path
from eval.campaign.architectures import Architectures, TableArchitectures
from eval.campaign.claims import claim_new
from eval.campaign.engine import Engine
from eval.campaign.ledger import Ledger
from eval.campaign.objectives import RESERVED, TRAINING, Objective, parse_objectives
from eval.campaign.ranking import Ranking
from eval.campaign.rows import Row, describe_ignored, from_records, read_rows
from eval.campaign.settings import (
    ATTRIBUTE,
    ENCODER,
    POINTER,
    RANKING,
    WEAK,
    Pointer,
    Settings,
    is_copy,
    open_architectures,
)
from eval.campaign.setup import build_architectures, build_weak_labels, find_results, parse_predictor
from eval.campaign.storage import JOURNAL, open_storage, quiet
from eval.campaign.telling import Entry, Teller, Told
from eval.campaign.weak import NO_WEAK, WeakLabels

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger("acerank")
_TOLD = "told-"  # files of rows that are to be told all together


class Campaign:
    """Real trainings, chosen by a ranker: `ask` for networks, train them anywhere, `tell` how they did.

    Everything that was asked and told is in a study of Optuna's, which any number of processes and machines
    may use at the same time; docs/campaigns.md says what is guaranteed.
    """

    def __init__(self, folder: str | Path, *, offline: bool = False) -> None:
        """Open the campaign in a folder.

        Raises:
            InputError: There is none, its storage cannot be opened, or its table has changed.
        """
        self.folder = Path(folder)
        pointer = Pointer.load(self.folder)
        storage = open_storage(pointer.storage, self.folder)
        try:
            self.study = optuna.load_study(
                study_name=pointer.study, storage=storage, sampler=optuna.samplers.RandomSampler()
            )
        except KeyError as error:
            raise InputError(f"the storage of {self.folder} has no study '{pointer.study}'") from error
        self.settings = Settings.from_json(self.study.user_attrs[ATTRIBUTE])
        self._offline = offline

    @classmethod
    def create(
        cls,
        folder: str | Path,
        *,
        space: str = "",
        bench: str | Path = "",
        objectives: str | Sequence[str] = ("acc:max",),
        weak: str | Path | None = None,
        predictor: str = "ace",
        seed: int = 0,
        storage: str = JOURNAL,
        acquisition: str = "mixed",
        refit: float = 0.05,
        offline: bool = False,
    ) -> Campaign:
        """Begin a campaign.

        Args:
            folder: A folder for it; others in it stay.
            space: Name of a code space, e.g. "proxyless".
            bench: In place of a space, a table of candidates: a file, or a registered key. Values of the
                objectives in a file are results that are known from the start.
            objectives: "acc:max", "latency:min", or with bounds "acc:max:0:1".
            weak: A table of weak labels with the column `arch`; None for those of the table, if it has any.
            predictor: The ranker, as on the command line.
            seed: Seed of everything random.
            storage: "journal", "sqlite", or a database address of Optuna's.
            acquisition: See Engine; "ucb" needs a predictor that says how sure it is.
            refit: See Engine.
            offline: Never use the network.

        Raises:
            InputError: The folder holds a campaign, or an argument means nothing.
        """
        folder = Path(folder)
        if (folder / POINTER).exists():
            raise InputError(f"{folder} holds a campaign already")
        if bool(space) == bool(bench):
            raise InputError("a campaign needs a space or a table of candidates, and not both")
        asked = parse_objectives([objectives] if isinstance(objectives, str) else objectives)
        folder.mkdir(parents=True, exist_ok=True)
        architectures, name, table_hash = build_architectures(folder, space, bench, asked, offline=offline)
        labels = build_weak_labels(architectures, weak)
        settings = Settings(
            uuid.uuid4().hex[:6], space, name, table_hash, asked, labels.names, labels.content_hash,
            predictor, seed, acquisition, refit,
        )  # fmt: skip
        engine = Engine(
            architectures,
            asked,
            lambda: parse_predictor(predictor),
            predictor,
            labels,
            seed,
            acquisition,
            refit,
        )
        if not engine.predictor.has_std and acquisition in ("mixed", "ts"):  # refuses what cannot be used
            _log.info(
                "%s does not say how sure it is: Thompson sampling uses the standard deviation of its "
                "predictions over the candidates",
                engine.predictor.name,
            )
        labels.save(folder / WEAK)
        study = f"campaign-{settings.id}"
        with quiet():
            created = optuna.create_study(
                study_name=study,
                storage=open_storage(storage, folder),
                directions=["maximize" if each.sign > 0 else "minimize" for each in asked],
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            created.set_metric_names([each.name for each in asked])
        created.set_user_attr(ATTRIBUTE, settings.to_json())
        Pointer(storage, study).save(folder)
        campaign = cls(folder, offline=offline)
        campaign._import_table()
        return campaign

    @cached_property
    def architectures(self) -> Architectures:
        """What may be trained."""
        return open_architectures(self.settings, self.folder, offline=self._offline)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is measured."""
        return self.settings.objectives

    @cached_property
    def engine(self) -> Engine:
        """What chooses networks."""
        s = self.settings
        weak = WeakLabels.load(self.folder / WEAK) if s.weak else NO_WEAK
        if weak.content_hash != s.weak_hash:
            raise InputError(f"{self.folder / WEAK} are not the weak labels that the campaign began with")
        return Engine(
            self.architectures, s.objectives, lambda: parse_predictor(s.predictor), s.predictor, weak, s.seed,
            s.acquisition, s.refit, self.folder / ENCODER,
        )  # fmt: skip

    def id(self, number: int) -> str:
        """Return the id of a network by the number of its first trial."""
        return f"{self.settings.id}-{number}"

    def read(self) -> Ledger:
        """Return what was asked and told so far, by anybody."""
        return Ledger.read(self.study.get_trials(deepcopy=False), self.architectures, self.objectives)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock of the folder; it ends with its holder."""
        with FileLock(self.folder / f"{name}.lock"):
            yield

    def ask(self, n: int) -> pd.DataFrame:
        """Return networks to train: id, space and arch (of a table its name and that of the row).

        They are pending from then on, and nobody is given them again. Fewer than n only if no more are left.

        Raises:
            InputError: n is not positive, or no network is left.
        """
        if n < 1:
            raise InputError(f"at least 1 network must be asked for, not {n}")
        asked: list[int] = []
        self._finish_telling()
        with self.locked("ask"):
            while len(asked) < n:
                ledger = self.read()
                size = n - len(asked)
                ranking = self.get_ranking(ledger, size)
                rng = self.engine.random(2, len(ledger.networks) + len(ledger.withdrawn))
                codes = self.engine.choose(ranking, ledger, size, rng)
                if not len(codes):
                    break
                hashes = self.architectures.hashes(codes)
                asked += claim_new(self.study, self.architectures, codes, hashes)[1]
        if not asked:
            raise InputError("no network is left that was not asked for or told before")
        if len(asked) < n:
            _log.warning("only %d networks were left", len(asked))
        return self.frame(asked)

    def frame(self, numbers: Sequence[int]) -> pd.DataFrame:
        """Return id, space and arch of networks."""
        import pandas as pd

        networks = self.read().networks
        return pd.DataFrame(
            {
                "id": [self.id(number) for number in numbers],
                "space": self.architectures.key,
                "arch": [networks[number].arch for number in numbers],
            }
        )

    def pending(self) -> pd.DataFrame:
        """Return the networks that were asked for and not told yet, and since when they are."""
        waiting = self.read().having("pending", "enqueued")
        frame = self.frame([network.number for network in waiting])
        frame["asked"] = [network.asked and network.asked.isoformat(" ", "seconds") for network in waiting]
        return frame

    def prepare(self, size: int = 20) -> None:
        """Fit the ranker to all results now, so that the next `ask` need not."""
        with self.locked("ask"):
            self.get_ranking(self.read(), size)

    def get_ranking(self, ledger: Ledger, size: int) -> Ranking | None:
        """Return the ranking of candidates: the last one, if it is fresh enough, else a new one."""
        path = self.folder / RANKING
        ranking = Ranking.load(path)
        if not self.engine.is_fresh(ranking, ledger, size):
            ranking = self.engine.rank(ledger, size)
            if ranking is not None:
                ranking.save(path)
        return ranking

    def tell(
        self, results: str | Path | pd.DataFrame, *, correct: bool = False, all_or_nothing: bool = False
    ) -> Told:
        """Take results: rows of id and objectives, and optionally seed, seconds and status ("failed").

        Args:
            results: A file (.csv, .tsv, .json, .jsonl, .parquet; "-" for CSV on stdin), or a data frame.
            correct: Replace what was told before: of the seed in the row, else all of the network.
            all_or_nothing: Keep nothing if any row is refused; by default the good rows are kept.

        Returns:
            What became of the rows, with the reason for each that was refused.

        Raises:
            InputError: No column is an objective.
        """
        return self._tell(_to_rows(results), correct=correct, all_or_nothing=all_or_nothing, imports=False)

    def import_results(
        self, results: str | Path | pd.DataFrame, *, correct: bool = False, all_or_nothing: bool = False
    ) -> Told:
        """Take trainings from elsewhere: rows of arch and objectives; otherwise like `tell`."""
        return self._tell(_to_rows(results), correct=correct, all_or_nothing=all_or_nothing, imports=True)

    def _tell(self, rows: Sequence[Row], *, correct: bool, all_or_nothing: bool, imports: bool) -> Told:
        key = "arch" if imports else "id"
        self._check_columns(rows, key)
        self._finish_telling()
        with self.locked("tell"):
            teller = Teller(self.study, self.read(), self.settings.id)
            wanted = [key, *(each.name for each in self.objectives), *TRAINING]
            if ignored := describe_ignored(rows, wanted, RESERVED):
                teller.told.notices.append(ignored)
            if imports:
                teller.parse(str(row.cells.get("arch", "")).strip() for row in rows)
            accepted: list[Entry] = []
            for row in rows:
                try:
                    entry = teller.judge(row, correct=correct, imports=imports)
                except InputError as error:
                    name = str(row.cells.get(key, ""))
                    teller.told.refused.append((row.place, name, str(error)))
                    continue
                if entry is not None:
                    accepted.append(entry)
                    teller.note(entry)
                    if not all_or_nothing:
                        teller.write(entry)
            if all_or_nothing and teller.told.refused:
                teller.told.kept = False
            elif all_or_nothing:
                path = self.folder / f"{_TOLD}{uuid.uuid4().hex}.json"
                with atomic_path(path) as part:  # once this is there, all of it will be told
                    part.write_text(json.dumps([entry.to_json() for entry in accepted]), "utf-8")
                self._tell_all(path)
        return teller.told

    def _finish_telling(self) -> None:
        """Write what a killed `tell` had already accepted as a whole."""
        if any(self.folder.glob(f"{_TOLD}*.json")):
            with self.locked("tell"):
                for path in sorted(self.folder.glob(f"{_TOLD}*.json")):
                    self._tell_all(path)

    def _tell_all(self, path: Path) -> None:
        """Write the entries of a file that are not written yet, and remove it."""
        teller = Teller(self.study, self.read(), self.settings.id)
        entries = [Entry(**record) for record in json.loads(path.read_text("utf-8"))]
        teller.parse(entry.arch for entry in entries)
        for entry in entries:
            if not teller.has(entry):
                teller.write(entry)
        path.unlink()

    def _check_columns(self, rows: Sequence[Row], key: str) -> None:
        names = {name for row in rows for name in row.columns}
        wanted = [each.name for each in self.objectives]
        shown = f"found {', '.join(sorted(names))}"
        if not names:  # no row could be read, and each is refused with its reason
            return
        if not names & {*wanted, "status"}:
            raise InputError(f"no column is an objective ({', '.join(wanted)}) or status; {shown}")
        if key not in names:
            raise InputError(f"there is no column '{key}'; {shown}")

    def _import_table(self) -> None:
        """Take the values of the objectives in a user's table as results."""
        architectures = self.architectures
        if isinstance(architectures, TableArchitectures) and is_copy(self.settings.bench):
            records = find_results(architectures, self.objectives)
            if records:
                told = self._tell(from_records(records), correct=False, all_or_nothing=False, imports=True)
                _log.info("results in the table: %s", told.sentence)
            else:
                names = " and ".join(each.name for each in self.objectives)
                _log.info("no row of the table has %s: no result is known from the start", names)


def _to_rows(results: str | Path | pd.DataFrame) -> list[Row]:
    if isinstance(results, str | Path):
        return read_rows(results)
    missing = results.isna()
    records = results.astype(object).mask(missing, None).to_dict("records")
    return from_records(records)
