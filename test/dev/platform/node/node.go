// Package node is the daemon that runs a one-node Kubernetes: etcd, the API
// server, the controllers, the kubelet with containerd and runc, kube-proxy,
// CoreDNS and a registry.
//
// It runs beside whatever else is on the machine, in network, mount, process
// and cgroup namespaces of its own, in three stages, each started by the one
// before:
//
//	outer  in the machine's namespaces; waits, and cleans up at the end
//	init   process 1 of the new namespaces; sets them up, reaps
//	node   runs the components
//
// The kernel ends a process namespace with its process 1, and process 1 is
// ended with the outer stage: so whoever kills the outer one kills everything.
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
	// Name is the node's name.
	Name = "cistern"
	// IP is the node's address in its own network.
	IP = "10.89.0.1"
	// Registry is the host of images as the cluster names it. It has a dot, as
	// Crossplane wants, and a private address, to which clients speak plain HTTP.
	Registry = IP + ":25000"
	// MinIOIP is the cluster address that MinIO's Service must ask for: what
	// reaches the MinIO listener is forwarded there, to port 9000.
	MinIOIP = "10.96.0.90"

	serviceCIDR = "10.96.0.0/16"
	podCIDR     = "10.244.0.0/24"
	apiIP       = "10.96.0.1" // the first of serviceCIDR, by Kubernetes' rule
	apiPort     = "6443"

	// Inside, the run and log directories are mounted here.
	innerDir = "/run/cistern"
	innerLog = "/run/cistern-log"
)

// The stages' names, as in the command line.
const (
	StageOuter = "outer"
	stageInit  = "init"
	stageNode  = "node"
)

// The listeners that the daemon inherits, in the order of their descriptors.
// They are of the machine's own network namespace, and stay in it.
const (
	ListenerAPI = iota
	ListenerMinIO
	ListenerRegistry
	// ListenerCount is how many there are.
	ListenerCount
)

// firstListener is the descriptor after standard input, output and error.
const firstListener = 3

// Config is what the daemon is told, through a file in its run directory.
type Config struct {
	// RunDir is the daemon's to fill, and to remove at the end. It must not be
	// on an overlay file system.
	RunDir string
	// LogDir gets one file for each component, and the pods' logs.
	LogDir string
	// Kube and CoreDNS are the programs; Programs are the others'.
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

// Main runs one stage of the daemon, whose command line must end in the stage
// and the run directory, and returns at its end.
func Main(stage, runDir string) error {
	for fd := firstListener; fd < firstListener+ListenerCount; fd++ {
		unix.CloseOnExec(fd) // or every component would inherit it
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
	case StageOuter:
		return c.outer()
	case stageInit:
		return c.init()
	case stageNode:
		return c.node()
	default:
		return fmt.Errorf("there is no stage %q", stage)
	}
}

// nextStage returns the arguments, less the program, of the next stage.
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
