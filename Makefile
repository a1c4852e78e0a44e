.PHONY: test lab bench ci

test:            # what a change must pass before it is committed
	go vet ./... && go test ./...

lab:             # proxies, origins and console on loopback
	go run ./cmd/utmsim lab

bench:           # the inside by go test -bench, utmsim side by side with other proxies, the console under load and noise
	go test -run '^$$' -bench . -benchmem ./...
	go run ./testdata/bench
	go run ./testdata/bench console
	go run ./testdata/bench noise

ci:              # everything
	.ci/run
