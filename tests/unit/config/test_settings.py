"""Settings: flags before environment before file before default, and nothing half understood."""

import os
from pathlib import Path

import pytest

from esper_graph.config import SETTINGS, load_settings
from esper_graph.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_config_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, 'uri = "bolt://file"\nactor = "file"\nidle_seconds = 7\n')
    environ = {"ESPER_GRAPH_URI": "bolt://environ", "ESPER_GRAPH_ACTOR": "environ"}
    settings = load_settings({"uri": "bolt://flag", "actor": None}, environ=environ, file=file)
    assert (settings.uri, settings.actor, settings.idle_seconds) == ("bolt://flag", "environ", 7.0)
    assert settings.query_timeout_seconds == 120.0


def test_our_variable_beats_the_one_shared_with_other_programs_and_an_empty_one_is_unset() -> None:
    both = {"ESPER_GRAPH_URI": "bolt://ours", "NEO4J_URI": "bolt://theirs"}
    assert load_settings(environ=both).uri == "bolt://ours"
    assert load_settings(environ={**both, "ESPER_GRAPH_URI": ""}).uri == "bolt://theirs"
    assert load_settings(environ={"NEO4J_URI": ""}).uri == "embedded"


def test_without_anything_the_store_is_embedded_in_the_user_s_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    settings = load_settings(environ={})
    assert settings.is_embedded
    assert settings.username is settings.password is settings.database is settings.manifest is None
    assert settings.data_directory == settings.home / "graph"
    assert settings.kernels == str(settings.home / "kernels")


def test_an_embedded_directory_holds_data_and_kernels(tmp_path: Path) -> None:
    settings = load_settings({"uri": f"embedded:{tmp_path}/here"}, environ={"ESPER_GRAPH_HOME": "/elsewhere"})
    assert settings.data_directory == tmp_path / "here" / "graph"
    assert settings.kernels == str(tmp_path / "here" / "kernels")


def test_relative_paths_start_from_where_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    file = written(tmp_path, 'home = "data"\n')
    assert load_settings(environ={}, file=file).home == tmp_path / "data"
    assert load_settings(environ={"ESPER_GRAPH_HOME": "data"}, file=file).home == tmp_path / "work" / "data"


def test_kernels_may_be_a_url() -> None:
    assert load_settings({"kernels": "s3://bucket/kernels"}, environ={}).kernels == "s3://bucket/kernels"


def test_the_password_is_never_shown() -> None:
    settings = load_settings(environ={"NEO4J_PASSWORD": "hunter2"})
    assert settings.password is not None
    assert settings.password.reveal() == "hunter2"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uri", "http://localhost"),
        ("uri", "localhost:7687"),
        ("uri", ""),
        ("uri", Path("/tmp")),
        ("idle_seconds", 0),
        ("idle_seconds", True),
        ("idle_seconds", "soon"),
        ("idle_seconds", float("nan")),
        ("query_timeout_seconds", float("inf")),
        ("actor", "a\nb"),
        ("actor", "x" * 129),
        ("actor", 3),
        ("home", 3),
        ("password", 3),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_name_and_source(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` must be") as told:
        load_settings({name: value}, environ={})
    assert told.value.where == ("set by  flag or argument",)
    assert told.value.exit_code == 2


def test_a_login_inside_the_uri_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match="NEO4J_PASSWORD") as told:
        load_settings(environ={"NEO4J_URI": "bolt://neo4j:hunter2@db"})
    assert "hunter2" not in str(told.value)
    assert told.value.where == ("set by  environment variable NEO4J_URI",)


def test_an_unknown_setting_is_refused_with_the_close_one(tmp_path: Path) -> None:
    file = written(tmp_path, 'usrename = "me"\n')
    with pytest.raises(ConfigError, match="no setting `usrename`") as told:
        load_settings(environ={}, file=file)
    assert told.value.where == (f"set by  {file}",)
    assert told.value.hint == "did you mean `username`?"
    with pytest.raises(ConfigError, match="no setting `colour`"):
        load_settings({"colour": "red"}, environ={})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings(environ={}, file=written(tmp_path, "uri = \n"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(environ={"ESPER_GRAPH_CONFIG": str(tmp_path / "missing.toml")})


def test_the_user_s_file_is_found_where_the_system_keeps_such_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "esper-graph").mkdir()
    written(tmp_path / "esper-graph", 'actor = "ada"\n')
    if os.uname().sysname == "Linux":
        assert load_settings(environ={}).actor == "ada"


def test_a_user_without_a_name_is_an_actor_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert load_settings(environ={}).actor == f"uid-{os.getuid()}"


def test_names_and_variables_of_settings_are_unique() -> None:
    names = [setting.name for setting in SETTINGS]
    variables = [variable for setting in SETTINGS for variable in setting.environment]
    assert len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)
