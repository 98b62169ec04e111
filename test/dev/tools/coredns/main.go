// Command coredns is CoreDNS with only the plugins that the local platform uses.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	// The directives decide which plugins a Corefile may name, and in which order they run.
	dnsserver.Directives = []string{"bind", "errors", "health", "ready", "kubernetes"}
	coremain.Run()
}
