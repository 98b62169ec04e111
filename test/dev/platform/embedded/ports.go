package embedded

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/cistern-dev/cistern/test/process"
)

// assignPorts gives the pod an address, and each container port a port of the loopback
// interface.
func (p *pod) assignPorts() error {
	if p.status.PodIP != "" {
		return nil
	}

	for _, c := range p.object.Spec.Containers {
		for _, port := range slices.Concat(usual, c.Ports) {
			if _, ok := p.ports[port.ContainerPort]; ok {
				continue
			}

			local, err := freePort()
			if err != nil {
				return err
			}

			p.ports[port.ContainerPort] = local
		}
	}

	p.status.PodIP = p.network.add(p.ports)

	return nil
}

// replacePorts replaces the ports of the loopback interface that another program has taken
// before the pod's program is started, or while it was not running.
func (p *pod) replacePorts() error {
	if len(p.object.Spec.Containers) > 1 {
		return nil // the other program may be the pod's own
	}

	for container, local := range maps.Clone(p.ports) {
		if process.CheckFree(":"+strconv.Itoa(local)) == nil {
			continue
		}

		free, err := freePort()
		if err != nil {
			return err
		}

		p.network.replace(p.ports, container, free)
	}

	return nil
}

// freePort returns a port that is free at all addresses of the machine: some programs
// listen at all of them.
func freePort() (int, error) {
	address, err := process.FreeAddress("")
	if err != nil {
		return 0, err
	}

	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("cannot use address %q: %w", address, err)
	}

	return strconv.Atoi(port)
}
