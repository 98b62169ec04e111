// Package node is the daemon that runs a one-node Kubernetes: etcd, the API
// server, the controllers, the kubelet with containerd and runc, kube-proxy,
// CoreDNS and a registry.
//
// It runs beside other programs of the machine, in network, mount, process and
// cgroup namespaces of its own. It has three stages, each a process that the
// previous one starts:
//
//	host   runs in the machine's namespaces; waits, and cleans up at the end
//	init   is process 1 of the new namespaces; sets them up, and reaps orphans
//	node   serves the registry, and runs the components
//
// When process 1 of a namespace ends, the kernel kills the others in it, and it
// kills process 1 when the host stage ends. So killing the host stage ends the
// whole node.
package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

const (
	// Name is the name of the Node object.
	Name = "cistern"
	// IP is the node's address in its own network.
	IP = "10.89.0.1"
	// Registry is the registry's host in image references of the cluster. It has a
	// dot, which Crossplane requires, and a private address, for which clients use
	// plain HTTP.
	Registry = IP + ":25000"
	// MinIOIP is the cluster IP that MinIO's Service must request: connections to
	// the MinIO listener are forwarded to its port 9000.
	MinIOIP = "10.96.0.90"

	serviceCIDR = "10.96.0.0/16"
	podCIDR     = "10.244.0.0/24"
	apiIP       = "10.96.0.1" // Kubernetes takes the first of serviceCIDR
	apiPort     = "6443"

	// The run and log directories are mounted here in the node's mount namespace.
	innerDir = "/run/cistern"
	innerLog = "/run/cistern-log"
)

// The names of the stages on the command line.
const (
	StageHost = "host"
	stageInit = "init"
	stageNode = "node"
)

// The listeners that the daemon inherits, in the order of their descriptors. They
// belong to the machine's own network namespace, and stay in it.
const (
	ListenerAPI = iota
	ListenerMinIO
	ListenerRegistry
	// ListenerCount is the number of listeners.
	ListenerCount
)

// firstListener is the descriptor after standard input, output and error.
const firstListener = 3

// Config is the configuration of the daemon, which it reads from a file in its
// run directory.
type Config struct {
	// RunDir holds the daemon's files; it is removed at the end. It must not be on
	// an overlay file system.
	RunDir string
	// LogDir gets a log file for each component, and the pods' logs.
	LogDir string
	// Kube and CoreDNS are paths of executables; Programs has the others.
	Kube, CoreDNS string
	Programs      tools.Programs
	// Cgroups are the control groups that hold the pods.
	Cgroups Cgroups
}

const configFile = "node.json"

func (c Config) write() error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the node's configuration: %w", err)
	}

	if err := os.WriteFile(filepath.Join(c.RunDir, configFile), b, 0o600); err != nil {
		return fmt.Errorf("cannot write the node's configuration: %w", err)
	}

	return nil
}

// Main runs one stage of the daemon, and returns when it ends. The command line of
// the process must end with the stage and the run directory.
func Main(stage, runDir string) error {
	for fd := firstListener; fd < firstListener+ListenerCount; fd++ {
		unix.CloseOnExec(fd) // otherwise every component would inherit it
	}

	b, err := os.ReadFile(filepath.Join(runDir, configFile))
	if err != nil {
		return fmt.Errorf("cannot read the node's configuration: %w", err)
	}

	var c Config
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("cannot parse the node's configuration: %w", err)
	}

	switch stage {
	case StageHost:
		return c.runHost()
	case stageInit:
		return c.runInit()
	case stageNode:
		return c.runNode()
	default:
		return fmt.Errorf("there is no stage %q", stage)
	}
}

// nextStage returns the arguments of the process that runs another stage.
func nextStage(stage, runDir string) []string {
	args := slices.Clone(os.Args[1:])

	return append(args[:len(args)-2], stage, runDir)
}

// listenerFiles returns the inherited listeners.
func listenerFiles() []*os.File {
	var files []*os.File
	for fd := firstListener; fd < firstListener+ListenerCount; fd++ {
		files = append(files, os.NewFile(uintptr(fd), "listener"))
	}

	return files
}
