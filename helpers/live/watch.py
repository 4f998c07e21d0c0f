"""batch -> points: a training run that is watched, paused, and goes on at another learning rate."""

import math
import threading
import time

from helpers.progress import Stopped

EVERY_S = 0.1  # seconds between two messages: more often, an eye sees no difference
MAX_POINTS = 400  # of a loss per batch that is kept: as many as a curve has pixels
DIV_FACTOR, FINAL_DIV_FACTOR = 25.0, 1e4  # OneCycleLR's defaults: peak / first, first / last rate


class Thinned:
    """A series of any length as at most MAX_POINTS means of equally many values."""

    def __init__(self):
        self.values, self.stride, self._rest = [], 1, []

    def add(self, value):
        """Append a value."""
        self._rest.append(value)
        if len(self._rest) == self.stride:
            self.values.append(sum(self._rest) / self.stride)
            self._rest = []
        if len(self.values) > MAX_POINTS:
            pairs = zip(self.values[::2], self.values[1::2])
            odd = self.values[-1:] * self.stride if len(self.values) % 2 else []
            self.values, self._rest = [(a + b) / 2 for a, b in pairs], odd
            self.stride *= 2

    def rounded(self):
        """Return {"stride": batches per value, "values"}, which JSON can hold."""
        finite = (value if math.isfinite(value) else None for value in self.values)
        return {"stride": self.stride, "values": [v and float(f"{v:.5g}") for v in finite]}


class Watch:
    """What `fit` tells of a run (Options.watch), and how the run is steered from another thread.

    `tell(losses, model, batch)` gets the losses of the batches since the last call, about ten
    times a second and whenever the run pauses; `tell_epoch(row)` each row of the history.
    """

    def __init__(self, tell=None, tell_epoch=None, every_s=EVERY_S):
        self.tell, self.tell_epoch, self.every_s = tell, tell_epoch, every_s
        self.batch, self.thinned = 0, Thinned()
        self.rates = []  # [batch after which it holds, learning rate]
        self.paused_s = 0.0
        self._new, self._told_s = [], -math.inf
        self._until, self._rate, self._is_stopped = math.inf, None, False
        self._changed = threading.Condition()

    # --- called by the thread that trains ---

    def on_batch(self, model, optimizer, loss):
        """Note the loss; pause, change the learning rate, or raise Stopped if somebody asked."""
        self.batch += 1
        self._new.append(loss)
        if self.is_paused() or time.perf_counter() - self._told_s > self.every_s:
            self.flush(model)
        rate = self._wait()
        if rate is not None:
            set_rate(optimizer, rate)
            self.rates.append([self.batch, rate])

    def on_epoch(self, row):
        """Pass a row of the history on."""
        self.flush()
        if self.tell_epoch:
            self.tell_epoch(row)

    def flush(self, model=None):
        """Tell the losses that were not told yet."""
        losses, self._new = [float(loss) for loss in self._new], []  # a GPU is waited for here
        for loss in losses:
            self.thinned.add(loss)
        if losses and self.tell:
            self.tell(losses, model, self.batch)
        self._told_s = time.perf_counter()

    def _wait(self):
        start = time.perf_counter()
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or self.batch < self._until)
            if self._is_stopped:
                raise Stopped
            rate, self._rate = self._rate, None
        if (waited := time.perf_counter() - start) > 1e-3:
            self.paused_s += waited
        return rate

    # --- called by whoever watches ---

    def is_paused(self):
        """Return whether no batch follows the one that was trained last."""
        return self.batch >= self._until

    def pause(self):
        """Let the run wait after the batch that it is at."""
        self._set(until=0)

    def step(self):
        """Let the run train one batch, and wait."""
        self._set(until=self.batch + 1)

    def go_on(self):
        """Let the run go on to its end."""
        self._set(until=math.inf)

    def set_rate(self, rate):
        """Let the run go on with this (peak) learning rate from its next batch."""
        self._set(rate=rate)

    def stop(self):
        """End the run at its next batch, paused or not."""
        self._set(is_stopped=True)

    def _set(self, **changes):
        with self._changed:
            for name, value in changes.items():
                setattr(self, f"_{name}", value)
            self._changed.notify_all()


def set_rate(optimizer, rate):
    """Set the learning rate of an optimizer; under a one-cycle schedule, the peak of what follows.

    The schedule then goes on as one of this peak would from here.
    """
    for group in optimizer.param_groups:
        if "max_lr" in group:  # OneCycleLR computes every rate from these three
            group["max_lr"], group["initial_lr"] = rate, rate / DIV_FACTOR
            group["min_lr"] = group["initial_lr"] / FINAL_DIV_FACTOR
        else:
            group["lr"] = rate
