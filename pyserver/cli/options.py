"""The flags of `serve`, made of the settings' schema, and the flags that several commands share."""

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from pyserver.channel import ClientTls
from pyserver.client import DEFAULT_ADDRESS
from pyserver.config.load import CLIENT_VARIABLE, flag_name
from pyserver.config.schema import ServerSettings
from pyserver.errors import ConfigError

AddressOption = Annotated[
    str,
    typer.Option("--address", "-a", help="HOST:PORT of the server.", metavar="HOST:PORT", envvar=CLIENT_VARIABLE),
]
DEFAULT_SERVER = DEFAULT_ADDRESS

TLS_PANEL = "TLS"


def _tls_option(flag: str, metavar: str | None, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=TLS_PANEL)


# Every command that asks a server has these; client_tls() reads them.
TlsOption = Annotated[bool, _tls_option("--tls", None, "The server speaks TLS; the system says whom to trust.")]
TlsCaOption = Annotated[
    Path | None, _tls_option("--tls-ca", "FILE", "Trust these authorities (PEM) instead; implies --tls.")
]
TlsCertOption = Annotated[
    Path | None, _tls_option("--tls-cert", "FILE", "Our own certificate (PEM), where the server asks.")
]
TlsKeyOption = Annotated[Path | None, _tls_option("--tls-key", "FILE", "Its private key (PEM).")]


def client_tls(
    tls: bool, authorities: Path | None, certificate: Path | None, private_key: Path | None
) -> ClientTls | None:
    """What those four flags mean. Raises ConfigError for files that cannot be read or do not go together."""
    if (certificate is None) != (private_key is None):
        raise ConfigError("--tls-cert and --tls-key go together")
    if not tls and authorities is None and certificate is None:
        return None
    return ClientTls(_pem(authorities), _pem(certificate), _pem(private_key))


def _pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


# Given as arguments, not as flags.
ARGUMENTS = ("repositories",)


def settings_flags() -> list[inspect.Parameter]:
    """One keyword parameter for typer per option of the server. None means that the flag was not given."""
    return [_flag(name, field) for name, field in ServerSettings.model_fields.items() if name not in ARGUMENTS]


def takes_settings_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command whose last parameter is `**flags` one real parameter for every option of the server."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    parameters = [*own, *settings_flags()]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    return command


def _flag(name: str, field: FieldInfo) -> inspect.Parameter:
    kind, metavar = _kind(field.annotation)
    help_text = f"{field.description} {_default(field)}".rstrip()
    flag = flag_name(name)
    # A flag that was not given is None, so that the file and the environment show through. The values are texts, which
    # the schema reads as it reads those of the environment: its messages are the only ones.
    declared = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
    option = typer.Option(declared, help=help_text, metavar=metavar, show_default=False)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Union[kind, None], option],  # noqa: UP007
    )


def _kind(annotation: Any) -> tuple[Any, str | None]:
    """The type that typer gets, and how the help calls the value."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return str, "|".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) is list:
        return list[str], "TEXT"
    if annotation is bool:
        return bool, None
    return str, {int: "INTEGER", float: "SECONDS", Path: "FOLDER"}.get(annotation, "TEXT")


def _default(field: FieldInfo) -> str:
    if field.default is None or field.default == []:
        return ""
    value = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return f"[default: {value}]"
