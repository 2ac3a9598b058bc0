#!/bin/sh
# Runs inside LocalStack each time it is ready: the topic and the sender that `notify` needs. Safe to repeat.
set -eu
awslocal sns create-topic --region us-east-1 --name reservation-events
awslocal ses verify-email-identity --region us-east-1 --email-address "onsale <tickets@onsale.example>"
