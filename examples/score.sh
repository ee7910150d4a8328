#!/bin/sh
# A reward as a program: reads one line {"prompt":"…","answer":"…","completion":"…"} and prints a number from 0 to 1.
read -r line
answer=$(printf '%s' "$line" | sed 's/.*"answer":"\([0-9]*\)".*/\1/')
completion=$(printf '%s' "$line" | sed 's/.*"completion":"\([0-9]*\)".*/\1/')
if [ "$answer" = "$completion" ]; then echo 1; else echo 0; fi
