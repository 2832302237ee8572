// Command etcd is the store that the tests start: etcd's own server, built from its Go module at the version that go.mod pins.
// It must never differ from etcd's own program: it only calls it.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
