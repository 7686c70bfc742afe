"""Options of the server: where they come from, and what is said of wrong ones."""

import os
from pathlib import Path

import pytest

from pyserver.config.load import load_settings, misspelled_variables
from pyserver.config.schema import ModelConfig, ServerSettings
from pyserver.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "server.yaml"
    path.write_text(text)
    return path


def refusal(config_file: Path | None, environ: dict[str, str], flags: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(config_file, environ, flags)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_without_any_source_the_defaults_hold() -> None:
    assert load_settings(None, {}, {}) == ServerSettings()


def test_the_environment_goes_before_the_file_and_a_flag_before_both(tmp_path: Path) -> None:
    file = write(tmp_path, "log_level: error\nlog_format: json\npoll_interval_s: 5\ncpu_threads: 3\n")
    environ = {"PYSERVER_LOG_LEVEL": "warning", "PYSERVER_LOG_FORMAT": "text"}
    settings = load_settings(file, environ, {"log_level": "debug", "log_format": None})
    assert settings.log_level == "debug"
    assert settings.log_format == "text"
    assert settings.poll_interval_s == 5
    assert settings.cpu_threads == 3


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load_settings(None, {"PYSERVER_EXIT_ON_LOAD_ERROR": "true"}, {"exit_on_load_error": None}).exit_on_load_error


def test_lists_in_the_environment_are_separated() -> None:
    environ = {
        "PYSERVER_REPOSITORIES": os.pathsep.join(["/a", "/b c"]),
        "PYSERVER_LOAD_MODELS": "x,y",
        "PYSERVER_MODEL_CONTROL": "explicit",
    }
    settings = load_settings(None, environ, {})
    assert settings.repositories == [Path("/a"), Path("/b c")]
    assert settings.load_models == ["x", "y"]


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load_settings(None, {"PYSERVER_CPU_THREADS": "", "PYSERVER_LOG_LEVEL": ""}, {}) == ServerSettings()


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = write(tmp_path, "repositories: [models, /abs]\ncache_dir: cache\n")
    settings = load_settings(file, {}, {})
    assert settings.repositories == [tmp_path / "models", Path("/abs")]
    assert settings.cache_dir == tmp_path / "cache"


def test_a_variable_that_is_almost_an_option_is_found() -> None:
    environ = {"PYSERVER_GRPC_ADRESS": "x", "PYSERVER_PORT": "tcp://10.0.0.1", "PYSERVER_LOG_LEVEL": "info"}
    assert misspelled_variables(environ) == {"PYSERVER_GRPC_ADRESS": "PYSERVER_GRPC_ADDRESS"}


def test_the_variable_of_the_client_commands_is_not_a_misspelled_one() -> None:
    assert misspelled_variables({"PYSERVER_ADDRESS": "127.0.0.1:8001"}) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "grpc_adress: 'x:1'",
            "grpc_adress: unknown key; the nearest known: grpc_address, grpc_tls_key, grpc_tls_cert",
        ),
        ("log_level: loud", "log_level: expected 'debug', 'info', 'warning' or 'error', got 'loud'"),
        ("cpu_threads: 0", "cpu_threads: expected a number greater than or equal to 1, got 0"),
        ("cpu_threads: yes", "cpu_threads: expected a number, got True"),
        ("repositories: 3", "repositories: expected a list, got 3"),
        ("grpc_address: localhost", "grpc_address: expected HOST:PORT, [IPV6]:PORT or unix:PATH, got 'localhost'"),
        ("poll_interval_s: .inf", "poll_interval_s: expected a number less than or equal to 86400, got inf"),
    ],
)
def test_a_wrong_value_in_a_file_is_one_sentence_with_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    file = write(tmp_path, text)
    assert refusal(file, {}, {}) == f"{file}: {sentence}"


def test_a_wrong_variable_is_named() -> None:
    message = refusal(None, {"PYSERVER_MAX_MESSAGE_BYTES": "a lot"}, {})
    assert message.startswith("PYSERVER_MAX_MESSAGE_BYTES: expected a whole number")
    assert message.endswith("got 'a lot'")


def test_a_wrong_flag_is_named() -> None:
    message = refusal(None, {"PYSERVER_MODEL_CONTROL": "none"}, {"model_control": "often"})
    assert message == "--model-control: expected 'poll', 'explicit' or 'none', got 'often'"


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "log_level: loud"), {"PYSERVER_CPU_THREADS": "-1"}, {"control_threads": 0})
    assert message.count("; ") == 2
    for part in ("server.yaml: log_level", "PYSERVER_CPU_THREADS", "--control-threads"):
        assert part in message


def test_models_to_load_are_refused_where_all_are_loaded() -> None:
    assert refusal(None, {}, {"load_models": ["m"]}) == "load_models is only taken with model_control explicit"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"log_level: info\nlog_level: debug\n", "the key 'log_level' stands there twice (line 2, column 1)"),
        (b"a: &x [1]\nb: *x\n", "aliases (*name) are not taken (line 2, column 4)"),
        (b"- 1\n", "expected keys and values, got a list"),
        (b"5: x\n", "expected keys that are texts, got 5"),
        (b"log_level: [\n", "not valid YAML"),
        (b"when: 2024-13-45\n", "not valid YAML: month must be in 1..12"),
        (b"[" * 100_000, "not valid YAML: nested too deeply"),
        (b"\xff\xfe\xff", "not valid YAML"),
        (b"x: !!python/object/apply:os.system [id]\n", "not valid YAML"),
        (b"#" * (1024 * 1024 + 1), "expected at most 1048576 bytes, the file has more"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "server.yaml"
    file.write_bytes(content)
    message = refusal(file, {}, {})
    assert message.startswith(f"{file}: ")
    assert fault in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.yaml", {}, {}) == f"{tmp_path}/no.yaml: cannot be read: No such file or directory"


@pytest.mark.parametrize("schema", [ServerSettings, ModelConfig])
def test_every_option_is_described(schema: type[ServerSettings] | type[ModelConfig]) -> None:
    assert [name for name, field in schema.model_fields.items() if not field.description] == []
