"""What Cloud Tasks and cron start."""
