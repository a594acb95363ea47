"""Enrolment from the host's side: real child processes against a real service."""

from helpers.centre import Centre


def test_a_token_becomes_an_identity(centre, host):
    """One command turns a token into key, certificate, anchors and lease key."""
    done = host.enroll(centre.token())
    assert done.returncode == 0, done.stderr
    identity = host.files.load()
    assert identity is not None
    assert (identity.facility, identity.site, identity.host) == ("bvdk", "main", "his-1")
    assert identity.ca_pem == centre.authority.ca_pem
    assert identity.lease_public_key == centre.authority.lease_public_key
    assert identity.judge(centre.now_ms()) == "ok"
    assert host.files.key_path.stat().st_mode & 0o777 == 0o600
    assert centre.registry.lookup(identity.agent_id).owner.place == "bvdk/main/his-1"
