"""Holds the dependency graph to deny.toml: licences, sources, banned crates. Needs only cargo and Python 3.11."""

import json
import re
import subprocess
import sys
import tomllib

rules = tomllib.load(open("deny.toml", "rb"))
allowed = set(rules["licenses"]["allow"])
registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
banned = {entry["crate"]: entry for entry in rules["bans"]["deny"]}


def accepted(expression: str) -> bool:
    """Whether an SPDX expression (or the old `A/B`) can be met with allowed licences."""
    text = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|AND|OR|[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.+-]+)?", text)

    def either(at):
        value, at = both(at)
        while at < len(tokens) and tokens[at] == "OR":
            right, at = both(at + 1)
            value = value or right
        return value, at

    def both(at):
        value, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            right, at = one(at + 1)
            value = value and right
        return value, at

    def one(at):
        if tokens[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        return tokens[at] in allowed, at + 1

    return bool(tokens) and either(0)[0]


metadata = subprocess.run(
    ["cargo", "metadata", "--format-version", "1", "--locked", "--quiet"], check=True, stdout=subprocess.PIPE
)
packages = json.loads(metadata.stdout)["packages"]
wanted_by = {}
for package in packages:
    for dependency in package["dependencies"]:
        if dependency["kind"] != "dev" or package["source"] is None:
            wanted_by.setdefault(dependency["name"], set()).add(package["name"])
problems = []
for package in packages:
    name = f"{package['name']} {package['version']}"
    if package["source"] is not None and package["source"] not in registries:
        problems.append(f"{name} comes from {package['source']}: only crates.io is allowed")
    if not accepted(package["license"] or ""):
        problems.append(f"{name} is licensed {package['license']!r}, which deny.toml does not allow")
    if rule := banned.get(package["name"]):
        # those that deny.toml names may have it, nobody else
        others = wanted_by.get(package["name"], set()) - set(rule.get("wrappers", []))
        if others or "wrappers" not in rule:
            problems.append(f"{name} is banned: {rule['reason']} (wanted by {', '.join(sorted(others))})")

for problem in problems:
    print(problem, file=sys.stderr)
print(f"{len(packages)} packages checked, {len(problems)} problems")
sys.exit(bool(problems))
