# Two commands do everything: `make run` and `make test`.

.PHONY: run test image server-image engine

run: engine image
	cargo build --release --locked
	scripts/run.sh

test: engine image
	scripts/test.sh

image: engine
	scripts/image.sh

server-image: engine
	scripts/server-image.sh

engine:
	scripts/engine.sh
