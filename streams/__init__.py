"""The only code that knows Kafka and Faust: clients, topics, worker, checkpoints."""
