"""What a model promises and how it is run: contract, observation, manifest, TFLite runtime. Never TensorFlow."""
