package node

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
)

// setUpNetwork makes the node's interface in the new network namespace. It has no
// route to other networks: images come from the registry in the namespace, and
// connections come through the inherited listeners.
func setUpNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("cannot find the loopback interface: %w", err)
	}

	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("cannot set up the loopback interface: %w", err)
	}

	attrs := netlink.NewLinkAttrs()
	attrs.Name = "cistern0"

	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("cannot add the node's interface: %w", err)
	}

	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(IP), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return fmt.Errorf("cannot add the node's address: %w", err)
	}

	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("cannot set up the node's interface: %w", err)
	}
	// kube-proxy rewrites the destination of packets to Services, but a packet
	// without a route is dropped first.
	_, services, err := net.ParseCIDR(serviceCIDR)
	if err != nil {
		return fmt.Errorf("cannot parse the Services' network: %w", err)
	}

	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: bridge.Index, Dst: services, Src: net.ParseIP(IP)}); err != nil {
		return fmt.Errorf("cannot add the route to Services: %w", err)
	}

	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("cannot enable forwarding: %w", err)
	}

	if err := os.WriteFile("/run/resolv.conf", []byte("nameserver "+IP+"\n"), 0o644); err != nil {
		return fmt.Errorf("cannot write the pods' resolv.conf: %w", err)
	}

	return nil
}
