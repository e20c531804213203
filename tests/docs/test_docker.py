"""What can be said of the container files without a container engine."""

import re
from pathlib import Path

import yaml

from tests.integration import servers

DOCKER = Path(__file__).parents[2] / "docker"


def test_the_services_are_the_servers_that_the_tests_run_on() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    images = {service["image"] for service in compose["services"].values()}
    assert images == {f"neo4j:{version.number}-community" for version in servers.versions().values()}


def test_ports_are_open_on_this_machine_only_and_none_is_used_twice() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    ports = [port for service in compose["services"].values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    published = [port.split(":")[1] for port in ports]
    assert len(set(published)) == len(published)


def test_each_service_has_a_health_check_a_profile_and_takes_the_password_from_a_file() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    for service in compose["services"].values():
        assert service["healthcheck"]["test"][1].startswith("cypher-shell")
        assert service["profiles"]
        assert service["environment"]["NEO4J_AUTH_FILE"] == "/run/secrets/neo4j_auth"
        declared = {volume.split(":")[0] for volume in service["volumes"]}
        assert declared <= set(compose["volumes"])
    assert "NEO4J_AUTH:" not in text


def test_the_image_copies_only_what_is_there_and_runs_without_privileges() -> None:
    lines = (DOCKER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            assert all((DOCKER.parent / source).exists() for source in sources)
    assert "USER esper" in lines
    assert any("-c constraints.txt" in line for line in lines)
    assert not re.search(r"https?://", "\n".join(lines))
