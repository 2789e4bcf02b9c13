"""Learning from recordings alone, without a simulator but for the evaluations that choose the best network.

What recordings can teach is bounded by what was done in them. Plain double DQN believes in actions that nobody tried,
since nothing contradicts it; the conservative term (Kumar et al., Conservative Q-Learning for Offline Reinforcement
Learning, 2020, discrete form) keeps their values below those of the actions that were taken. Behaviour cloning asks for
no rewards, and learns what the driver does on average: his habits, not his slips.
"""

import numpy as np

from trainer.cloning import Cloning
from trainer.ddqn import DoubleDQN
from trainer.recordings import Recordings
from trainer.sitting import Sitting
from trainer.variation import ONE_CAR, vary


def train(sitting: Sitting) -> tuple[DoubleDQN | Cloning, Recordings]:
    """As ddqn.train, from sitting.recordings; a frame is a transition that was learnt from.

    Raises UserError where the recordings cannot be used.
    """
    contract, settings = sitting.contract, sitting.settings
    if settings.offline == "cloning":
        learner = Cloning(contract, settings)
    else:
        learner = DoubleDQN(contract, settings, settings.conservative if settings.offline == "cql" else 0.0)
    recordings = Recordings(sitting.recordings, contract, settings.replay, settings.seed)
    progress = sitting.begin(learner)
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(3,)))
    frames, goes_on = 0, True
    while goes_on:
        learning_rate = settings.learning_rate * (0.55 + 0.45 * np.cos(np.pi * min(1.0, progress.share)))
        batch = recordings.sample(settings.batch, settings.n_step, settings.gamma)
        vary(rng, ONE_CAR, batch.observation, batch.next_observation)
        progress.actions += np.bincount(batch.action, minlength=len(progress.actions))
        progress.learnt(*learner.learn(batch, learning_rate))
        frames += settings.batch
        goes_on = sitting.tell(frames, sitting.validate)
    return learner, recordings
