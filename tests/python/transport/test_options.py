"""The core's options are the server's settings."""

from __future__ import annotations

import pytest

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.transport.native import native_options

# Both come from max_message_bytes.
MESSAGE_LIMITS = {"max_receive_message_bytes", "max_send_message_bytes"}
NAMES = [name for name in dir(_core.NativeServerOptions) if not name.startswith("_")]


def test_every_option_of_the_core_is_a_setting_with_the_same_default() -> None:
    settings, defaults = ServerSettings(), _core.NativeServerOptions()
    assert set(NAMES) - set(ServerSettings.model_fields) == MESSAGE_LIMITS
    for name in sorted(set(NAMES) - MESSAGE_LIMITS - {"io_threads"}):
        assert (name, getattr(settings, name)) == (name, getattr(defaults, name))


def test_settings_reach_the_core() -> None:
    told = native_options(
        ServerSettings(io_threads=3, max_message_bytes=4096, http2_max_header_fields=17, http2_keepalive_timeout_s=0.25)
    )
    assert (told.io_threads, told.http2_max_header_fields, told.http2_keepalive_timeout_s) == (3, 17, 0.25)
    assert (told.max_receive_message_bytes, told.max_send_message_bytes) == (4096, 4096)
    assert native_options(ServerSettings()).io_threads >= 1


def test_windows_that_cannot_grow_are_refused() -> None:
    with pytest.raises(ValueError, match="at most http2_max_window_bytes"):
        ServerSettings(http2_initial_window_bytes=100_000, http2_max_window_bytes=70_000)
