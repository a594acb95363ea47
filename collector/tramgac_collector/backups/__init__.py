"""What is known of every backup: verdicts, the list people read, the record of each drill."""
