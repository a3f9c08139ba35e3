"""deploy/kubernetes: the manifests match each other, and Edgeward accepts the settings in them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeward.settings.config import Config
from edgeward.settings.loading import load

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRET = "a-secret-of-20-chars"


def kustomization() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
    return found


def manifests() -> Iterator[dict[str, Any]]:
    for name in kustomization()["resources"]:
        yield from yaml.safe_load_all((DEPLOY / name).read_text())


def manifest(kind: str, name: str) -> dict[str, Any]:
    (found,) = [m for m in manifests() if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifest("StatefulSet", name)["spec"]["template"]["spec"]
    return spec


def container(pod_name: str, name: str) -> dict[str, Any]:
    spec = pod(pod_name)
    (found,) = [c for c in spec["containers"] + spec.get("initContainers", []) if c["name"] == name]
    return dict(found)


def settings() -> Config:
    """The settings from the file in the ConfigMap and the environment of the container, expanded as by Kubernetes."""
    variables = {item["name"]: item.get("value", SECRET) for item in container("edge", "edgeward")["env"]}
    environ = {name: value.replace("$(PURGE_SECRET)", SECRET) for name, value in variables.items()}
    return load(DEPLOY / "kubernetes" / "edgeward.toml", environ)


def port(owner: dict[str, Any], name: str) -> int:
    (found,) = [item["containerPort"] for item in owner["ports"] if item["name"] == name]
    return int(found)


def test_settings_agree_with_ports() -> None:
    """Edgeward listens on the ports of its container and services, and uses the Varnish in its pod."""
    config, edgeward, varnish = settings(), container("edge", "edgeward"), container("edge", "varnish")
    assert config.proxy.listen == f"0.0.0.0:{port(edgeward, 'http')}"
    assert config.admin.listen == f"0.0.0.0:{port(edgeward, 'admin')}"
    assert config.proxy.upstream == f"http://127.0.0.1:{port(varnish, 'cache')}"
    assert varnish["command"][varnish["command"].index("-a") + 1] == f":{port(varnish, 'cache')}"
    assert config.store.url == f"redis://store:{port(container('store', 'valkey'), 'redis')}/0"


def test_every_pod_is_purged() -> None:
    """The Varnish of each replica is a cache node, under the stable DNS name from the headless service."""
    edge = manifest("StatefulSet", "edge")
    service = manifest("Service", edge["spec"]["serviceName"])
    assert service["spec"]["clusterIP"] == "None"
    names = [f"edge-{number}" for number in range(edge["spec"]["replicas"])]
    caches = settings().caches
    assert [cache.name for cache in caches] == names
    assert [cache.url for cache in caches] == [f"http://{n}.{service['metadata']['name']}:6081" for n in names]
    assert {cache.secret for cache in caches} == {SECRET}


def test_purge_secret_is_one() -> None:
    """Varnish and Edgeward get the secret from the same key of the same Secret."""
    sources = [
        item["valueFrom"]["secretKeyRef"]
        for name in ("varnish", "edgeward")
        for item in container("edge", name)["env"]
        if "valueFrom" in item
    ]
    assert len(sources) == 2
    assert sources[0] == sources[1]


def test_selectors_and_target_ports_exist() -> None:
    """Every service and network policy selects existing pods and names ports that they have."""
    pods = {m["metadata"]["name"]: m["spec"]["template"] for m in manifests() if m["kind"] == "StatefulSet"}
    ports = {
        name: {p["name"] for c in [*t["spec"]["containers"], *t["spec"].get("initContainers", [])] for p in c["ports"]}
        for name, t in pods.items()
    }
    for found in manifests():
        if found["kind"] == "Service":
            selected, named = found["spec"]["selector"], {p["targetPort"] for p in found["spec"]["ports"]}
        elif found["kind"] == "NetworkPolicy":
            selected = found["spec"]["podSelector"]["matchLabels"]
            named = {p["port"] for rule in found["spec"]["ingress"] for p in rule["ports"]}
        else:
            continue
        (owner,) = [name for name, t in pods.items() if t["metadata"]["labels"].items() >= selected.items()]
        assert named <= ports[owner]


@pytest.mark.parametrize(("owner", "name"), [("edge", "varnish"), ("edge", "edgeward"), ("store", "valkey")])
def test_containers_are_locked_down(owner: str, name: str) -> None:
    """No container runs as root, can gain privileges, or can write to its image."""
    assert pod(owner)["securityContext"]["runAsNonRoot"] is True
    assert pod(owner)["automountServiceAccountToken"] is False
    assert container(owner, name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_probes_use_the_admin_listener() -> None:
    """Kubernetes sends traffic only to ready pods, and does not restart pods because the store is down."""
    edgeward = container("edge", "edgeward")
    assert edgeward["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert edgeward["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "admin"}


def test_the_pod_has_time_to_stop() -> None:
    """The grace period covers the pause before SIGTERM, the drain and a margin; Varnish, a sidecar, ends last."""
    assert pod("edge")["terminationGracePeriodSeconds"] > 5 + settings().proxy.drain_seconds + 10
    assert container("edge", "varnish")["restartPolicy"] == "Always"


def test_state_and_configuration_are_mounted() -> None:
    """The paths in settings and commands are mounted from volumes of the pod."""
    config, edgeward, varnish = settings(), container("edge", "edgeward"), container("edge", "varnish")
    volumes = {volume["name"] for volume in pod("edge")["volumes"]}
    config_path = next(item["value"] for item in edgeward["env"] if item["name"] == "EDGEWARD_CONFIG")
    assert str(Path(config_path).parent) in {mount["mountPath"] for mount in edgeward["volumeMounts"]}
    for owner in (edgeward, varnish):
        assert {mount["name"] for mount in owner["volumeMounts"]} <= volumes
    assert str(config.state_dir) in {mount["mountPath"] for mount in edgeward["volumeMounts"]}
    generated = {g["name"]: {Path(f).name for f in g["files"]} for g in kustomization()["configMapGenerator"]}
    assert generated == {"edgeward": {"edgeward.toml"}, "varnish": {"main.vcl", "edgeward.vcl"}}


def test_generated_files_exist() -> None:
    """The ConfigMaps are generated from existing files of deploy/."""
    for generator in kustomization()["configMapGenerator"]:
        for name in generator["files"]:
            assert (DEPLOY / name).is_file()


def test_kustomize_builds_it() -> None:
    """kustomize builds the manifests, and the ConfigMap has the VCL of deploy/varnish."""
    # Not `require`: no make target installs kubectl, and the checks above need none.
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([kubectl, "kustomize", DEPLOY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    (varnish,) = [m for m in built if m["kind"] == "ConfigMap" and m["metadata"]["name"].startswith("varnish-")]
    assert varnish["data"]["edgeward.vcl"] == (DEPLOY / "varnish" / "edgeward.vcl").read_text()
    (edge,) = [m for m in built if m["kind"] == "StatefulSet" and m["metadata"]["name"] == "edge"]
    mounted = {v["configMap"]["name"] for v in edge["spec"]["template"]["spec"]["volumes"] if "configMap" in v}
    assert mounted == {m["metadata"]["name"] for m in built if m["kind"] == "ConfigMap"}
