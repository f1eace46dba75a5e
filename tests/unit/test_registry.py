"""Components by name: what is installed, what a file may use, and what is said when it may not."""

from pathlib import Path

import pytest

from sluiceway import Message, Stage
from sluiceway.config.registry import Entry, Registry, UnknownComponent


class Upper(Stage):
    """Say it louder."""


class Lower(Stage):
    """Say it softly."""


class Point:
    """An entry point that gives what it was made with, or raises it."""

    value = "somewhere:thing"

    def __init__(self, found: object) -> None:
        self.found = found

    def load(self) -> object:
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


def entry(name: str, distribution: str, found: object = Upper) -> Entry:
    return Entry("stage", name, distribution, Point(found))  # type: ignore[arg-type] # all that is used of one


def find(registry: Registry, use: str, *plugins: str, folder: Path = Path()) -> object:
    return registry.find("stage", use, plugins, folder)


def refusal(registry: Registry, use: str, *plugins: str, folder: Path = Path()) -> UnknownComponent:
    with pytest.raises(UnknownComponent) as refused:
        find(registry, use, *plugins, folder=folder)
    return refused.value


def test_our_own_components_need_no_plugin_named() -> None:
    assert find(Registry([entry("upper", "sluiceway")]), "upper") is Upper


def test_an_unknown_name_lists_the_names_that_may_be_used() -> None:
    error = refusal(Registry([entry("upper", "sluiceway"), entry("other", "acme")]), "uper")
    assert str(error) == "there is no stage `uper`"
    assert error.names == ("upper",)


def test_a_plugin_that_the_file_does_not_name_is_refused_with_the_line_to_add() -> None:
    error = refusal(Registry([entry("upper", "acme-text")]), "upper")
    assert str(error) == "stage `upper` belongs to the plugin acme-text, which this file does not name"
    assert error.suggestion == "add `plugins: [acme-text]` to the file"


@pytest.mark.parametrize("spelling", ["acme-text", "acme_text", "Acme.Text"])
def test_a_plugin_is_named_in_any_spelling_of_its_distribution(spelling: str) -> None:
    assert find(Registry([entry("upper", "acme_text")]), "upper", spelling) is Upper


def test_a_name_that_two_usable_plugins_claim_is_refused() -> None:
    registry = Registry([entry("upper", "acme"), entry("upper", "bolt", Lower)])
    error = refusal(registry, "upper", "acme", "bolt")
    assert str(error) == "stage `upper` is claimed by acme and bolt"
    assert error.suggestion == "remove acme or bolt from `plugins`"
    assert find(registry, "upper", "bolt") is Lower


def test_a_plugin_cannot_take_the_name_of_one_of_ours() -> None:
    error = refusal(Registry([entry("upper", "sluiceway"), entry("upper", "acme")]), "upper", "acme")
    assert error.suggestion == "remove acme from `plugins`"


@pytest.mark.parametrize("broken", [ImportError("no module x"), SystemExit("bye")])
def test_a_plugin_that_cannot_be_imported_says_why(broken: BaseException) -> None:
    error = refusal(Registry([entry("upper", "acme", broken)]), "upper", "acme")
    assert str(error) == f"`upper` cannot be imported from somewhere:thing: {type(broken).__name__}: {broken}"


def test_an_entry_point_of_another_kind_is_refused() -> None:
    assert str(refusal(Registry([entry("upper", "acme", Message)]), "upper", "acme")) == "`upper` is no stage"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stages.py").write_text(
        "from sluiceway import Message, stage\n"
        "@stage\ndef upper(message: Message) -> Message:\n    return message\n"
        "def plain(message):\n    return message\n"
    )
    (tmp_path / "broken.py").write_text("def f(:\n")
    return tmp_path


def test_a_function_in_a_named_file_is_found(folder: Path) -> None:
    found = find(Registry([]), "./stages.py:upper", "./stages.py", folder=folder)
    assert isinstance(found, type)
    assert issubclass(found, Stage)


@pytest.mark.parametrize(
    ("use", "plugins", "message"),
    [
        ("./stages.py:upper", (), "`./stages.py` is code that this file does not name"),
        ("./stages.py:uper", ("./stages.py",), "./stages.py has no `uper`"),
        ("./stages.py:plain", ("./stages.py",), "`./stages.py:plain` is no stage"),
        ("./gone.py:upper", ("./gone.py",), "there is no file ./gone.py beside the pipeline file"),
        ("./stages.py", ("./stages.py",), "`./stages.py` is not of the form ./file.py:name"),
        ("./stages.txt:x", ("./stages.txt",), "`./stages.txt:x` is not of the form ./file.py:name"),
        ("./broken.py:f", ("./broken.py",), "./broken.py cannot be imported: broken.py:1: SyntaxError: "),
    ],
)
def test_what_is_wrong_with_a_file_of_stages_is_said(
    use: str, plugins: tuple[str, ...], message: str, folder: Path
) -> None:
    assert str(refusal(Registry([]), use, *plugins, folder=folder)).startswith(message)


def test_a_component_of_another_kind_is_answered_with_its_place() -> None:
    registry = Registry([entry("upper", "sluiceway")])
    with pytest.raises(UnknownComponent) as refused:
        registry.find("sink", "upper", (), Path())
    assert str(refused.value) == "`upper` is a stage, not a sink"
    assert refused.value.suggestion == "put it under `stages`"


def test_a_function_of_another_kind_is_answered_with_its_place(folder: Path) -> None:
    with pytest.raises(UnknownComponent) as refused:
        Registry([]).find("source", "./stages.py:upper", ["./stages.py"], folder)
    assert refused.value.suggestion == "put it under `stages`"


def test_a_misspelt_function_is_answered_with_the_stages_that_the_file_has(folder: Path) -> None:
    assert refusal(Registry([]), "./stages.py:uper", "./stages.py", folder=folder).names == ("./stages.py:upper",)


def test_entries_are_read_from_the_metadata_of_installed_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "acme_text-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-text\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sluiceway.stages]\nacme.upper = acme_text:Upper\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert registry.plugins == ["acme-text"]
    found = [(e.kind, e.name, e.distribution) for e in registry.entries() if not e.is_ours]
    assert found == [("stage", "acme.upper", "acme-text")]
