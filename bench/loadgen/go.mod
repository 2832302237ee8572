module letterlock.invalid/loadgen

go 1.25
