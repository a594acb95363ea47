"""One certificate, two machines: which reports are refused, and which only look alike."""

from tramgac_collector.identity.clones import CloneWatch

ID = "00000000-0000-4000-8000-000000000001"
HERE, THERE = b"fingerprint here", b"fingerprint there"


class Play:
    """Reports at given seconds; the answer is a code or None."""

    def __init__(self, enrolled: bytes = b"") -> None:
        self.watch = CloneWatch(lambda _agent: enrolled)

    def at(self, seconds: float, instance: bytes, fingerprint: bytes = HERE) -> str | None:
        return self.watch.observe(ID, instance, fingerprint, int(seconds * 1000))


def test_a_restart_is_no_clone() -> None:
    """A new instance of the same machine takes over, again and again."""
    play = Play()
    assert [play.at(30 * n, b"process %d" % n) for n in range(50)] == [None] * 50


def test_a_late_call_of_the_dead_process_is_no_clone() -> None:
    """A call that was under way when the agent restarted may arrive after its successor's."""
    play = Play()
    assert play.at(0, b"old") is None
    assert play.at(5, b"new") is None
    assert play.at(24, b"old") is None
    assert play.at(35, b"new") is None
    assert play.at(65, b"new") is None


def test_another_machine_is_refused_at_once() -> None:
    """While the first is live, the second is refused and the first is not."""
    play = Play()
    assert play.at(0, b"first") is None
    assert play.at(10, b"second", THERE) == "cloned"
    assert play.at(30, b"first") is None
    assert play.at(40, b"second", THERE) == "cloned"


def test_restarting_does_not_wash_a_clone_clean() -> None:
    """A new process on the second machine is as refused as the old one."""
    play = Play()
    play.at(0, b"first")
    assert [play.at(10 + n, b"copy %d" % n, THERE) for n in range(20)] == ["cloned"] * 20
    assert play.at(31, b"first") is None


def test_copies_with_one_fingerprint_are_found_by_interleaving() -> None:
    """A, B, A within minutes: A was first and stays, B is refused from then on."""
    play = Play()
    assert play.at(0, b"A") is None
    assert play.at(10, b"B") is None  # looks like a restart
    assert play.at(60, b"A") is None  # but A lives
    assert play.at(70, b"B") == "cloned"
    assert play.at(120, b"A") is None
    assert play.at(130, b"B") == "cloned"


def test_a_short_reboot_does_not_let_the_copy_in() -> None:
    """While the original restarts, a refused copy stays refused, and the original returns."""
    play = Play()
    play.at(0, b"first")
    assert play.at(10, b"copy", THERE) == "cloned"
    assert play.at(200, b"copy", THERE) == "cloned"
    assert play.at(250, b"first again") is None


def test_a_moved_disk_is_taken_over_after_ten_minutes() -> None:
    """If the first machine is never heard again, the second is the machine now."""
    play = Play()
    play.at(0, b"old machine")
    assert play.at(599, b"new machine", THERE) == "cloned"
    assert play.at(601, b"new machine", THERE) is None
    assert play.at(631, b"new machine", THERE) is None


def test_the_enrolled_machine_counts_as_the_first() -> None:
    """After a restart of the collector the copy may speak first; the original still wins."""
    play = Play(enrolled=HERE)
    assert play.at(0, b"copy", THERE) is None
    assert play.at(10, b"original", HERE) is None
    assert play.at(30, b"copy", THERE) == "cloned"


def test_a_crash_loop_does_not_grow_the_memory() -> None:
    """Instances remembered per agent are bounded, refused ones too."""
    play = Play()
    for n in range(1000):
        play.at(n, b"process %d" % n)
        play.at(n, b"copy %d" % n, THERE)
    (seat,) = play.watch._seats.values()
    assert len(seat.replaced) <= 8
    assert len(seat.refused) <= 8
