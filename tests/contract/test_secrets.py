from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluiceway.core.errors import OutsideError
from sluiceway.core.secret import Secret
from sluiceway.local.embedded import EmbeddedAws
from sluiceway.testing import ManualClock


async def test_values_come_from_all_four_places_with_their_prefix(
    endpoint: str, name: str, open_context: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKEN", "from-env")
    (tmp_path / "token").write_text("from-file\n")
    async with open_context(endpoint) as context:
        secrets, parameters = await context.clients.open("secretsmanager"), await context.clients.open("ssm")
        await secrets.create_secret(Name=name, SecretString='{"token": "from-json"}')
        await secrets.create_secret(Name=f"{name}-binary", SecretBinary=b"from-bytes")
        await parameters.put_parameter(Name=f"/{name}", Value="from-ssm", Type="SecureString")
        assert await context.secret(Secret("env:TOKEN", "Bearer ")) == "Bearer from-env"
        assert await context.secret(Secret(f"file:{tmp_path}/token")) == "from-file"
        assert await context.secret(Secret(f"secretsmanager:{name}#token")) == "from-json"
        assert await context.secret(Secret(f"secretsmanager:{name}")) == '{"token": "from-json"}'
        assert await context.secret(Secret(f"secretsmanager:{name}-binary")) == "from-bytes"
        assert await context.secret(Secret(f"ssm:/{name}")) == "from-ssm"


async def test_a_secret_that_is_not_there_is_named_by_its_reference(
    endpoint: str, name: str, open_context: Any, tmp_path: Path
) -> None:
    references = [f"env:NOT_{name.replace('-', '_')}", f"file:{tmp_path}/x", f"secretsmanager:{name}#k", f"ssm:/{name}"]
    async with open_context(endpoint) as context:
        for reference in references:
            with pytest.raises(OutsideError) as caught:
                await context.secret(Secret(reference))
            assert reference.partition("#")[0] in str(caught.value)


@pytest.mark.parametrize("value", ["hunter2 is no json", '{"other": "hunter2"}', '{"key": {"a": "hunter2"}}'])
async def test_an_error_about_a_secret_never_shows_its_value(
    aws: EmbeddedAws, name: str, open_context: Any, value: str
) -> None:
    async with open_context(aws.endpoint) as context:
        await (await context.clients.open("secretsmanager")).create_secret(Name=name, SecretString=value)
        with pytest.raises(OutsideError, match="under 'key'") as caught:
            await context.secret(Secret(f"secretsmanager:{name}#key"))
    shown = repr(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    assert "hunter2" not in shown


async def test_a_rotated_secret_is_noticed_after_five_minutes(
    aws: EmbeddedAws, open_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    monkeypatch.setenv("TOKEN", "old")
    async with open_context(aws.endpoint, clock) as context:
        assert await context.secret(Secret("env:TOKEN")) == "old"
        monkeypatch.setenv("TOKEN", "new")
        clock.time = 299
        assert await context.secret(Secret("env:TOKEN")) == "old"
        clock.time = 300
        assert await context.secret(Secret("env:TOKEN")) == "new"


async def test_a_refresh_that_fails_leaves_the_old_value_in_use_and_says_so(
    aws: EmbeddedAws, open_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    monkeypatch.setenv("TOKEN", "old")
    async with open_context(aws.endpoint, clock) as context:
        await context.secret(Secret("env:TOKEN"))
        monkeypatch.delenv("TOKEN")
        clock.time = 300
        with capture_logs() as logs:
            assert await context.secret(Secret("env:TOKEN")) == "old"
    assert "env:TOKEN" in logs[0]["error"]
