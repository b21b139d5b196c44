"""What a rule is and how it decides: file shape, compiler, measures, lifecycle, engine. No Kafka, no clock."""
