"""The only code that knows Kafka and Faust: clients, topics, codec, worker, checkpoint."""
