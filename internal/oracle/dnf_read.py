"""Asks real dnf 4 what it makes of configurations.

Reads lines of JSON {"root", "env"} and answers each with one line: the
repositories as dnf's own code reads them below that root, or why it stops. Only
dnf's reading is used; nothing is downloaded.
"""
import json
import logging
import os
import sys

import dnf
import dnf.cli.cli
import libdnf.repo

logging.disable(logging.CRITICAL)


def text(value):
    if value is None:
        return ""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read(root, env):
    for name, value in env.items():
        os.environ[name] = value
    try:
        base = dnf.cli.cli.BaseCli(dnf.conf.Conf())
        base.conf.installroot = root
        base.conf.cachedir = root + "/cache"
        base.conf.persistdir = root + "/persist"
        base.conf.logdir = root + "/log"
        cli = dnf.cli.cli.Cli(base)
        # No logs: the folders of the configuration need not exist.
        base._logging._setup_from_dnf_conf = lambda conf: None
        cli._read_conf_file()
        base.read_all_repos()
    except Exception as e:
        return {"error": type(e).__name__ + ": " + text(e)}
    finally:
        for name in env:
            del os.environ[name]
    repos = []
    for repo in dict.values(base.repos):
        repos.append({
            "id": text(repo.id), "name": text(repo.name), "enabled": bool(repo.enabled),
            "base": [text(u) for u in repo.baseurl], "mirrorlist": text(repo.mirrorlist),
            "metalink": text(repo.metalink), "skip": bool(repo.skip_if_unavailable),
            "sslverify": bool(repo.sslverify), "ca": text(repo.sslcacert), "cert": text(repo.sslclientcert),
            "key": text(repo.sslclientkey), "proxy": text(repo.proxy), "user": text(repo.username),
            "password": text(repo.password), "file": text(repo.repofile)[len(root):],
        })
    out = {"repos": repos, "vars": {k: text(v) for k, v in base.conf.substitutions.items()}}
    base.close()
    return out


print(json.dumps({"version": dnf.const.VERSION, "arch": dnf.conf.Conf().arch}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps(read(job["root"], job.get("env") or {})), flush=True)
