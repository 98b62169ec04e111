// Package process starts child processes that end when this process ends, however it
// ends.
package process

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Group starts processes. On Linux the kernel kills them when this process ends.
//
// The kernel sends the parent-death signal when the thread ends that started a process,
// and Go ends threads at will. So a single thread, which is kept, starts all of them.
type Group struct {
	jobs chan func()

	// mu guards the others.
	mu      sync.Mutex
	running map[*Process]bool
	closed  bool
}

// NewGroup returns a group without processes.
func NewGroup() *Group {
	g := &Group{jobs: make(chan func()), running: map[*Process]bool{}}

	go func() {
		// It is never unlocked: the thread ends with the goroutine, after Close.
		runtime.LockOSThread()

		for job := range g.jobs {
			job()
		}
	}()

	return g
}

// Close kills every process that still runs, and returns once all have ended. Start fails
// afterwards.
func (g *Group) Close() {
	g.mu.Lock()

	if g.closed {
		g.mu.Unlock()

		return
	}

	g.closed = true
	running := slices.Collect(maps.Keys(g.running))

	g.mu.Unlock()

	for _, p := range running {
		p.Kill()
	}

	close(g.jobs)
}

// Options describe a process.
type Options struct {
	// Env are its environment variables; nil means those of this process.
	Env []string
	// Dir is its working directory.
	Dir string
	// Log is the file that its output is appended to.
	Log string
}

// Process is a child process.
type Process struct {
	name, log string

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts a program. The name appears in errors.
func (g *Group) Start(name string, o Options, argv ...string) (*Process, error) {
	p := &Process{name: name, log: o.Log, done: make(chan struct{})}

	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the log of %s: %w", name, err)
	}
	defer log.Close()

	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // It outlives the call, and is stopped or killed by name.
	p.cmd.Env, p.cmd.Dir = o.Env, o.Dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = attributes()

	if err := g.start(p); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}

	go func() {
		p.err = p.cmd.Wait()
		close(p.done)

		g.mu.Lock()
		defer g.mu.Unlock()

		delete(g.running, p)
	}()

	return p, nil
}

// start starts a process on the group's thread.
func (g *Group) start(p *Process) error {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.closed {
		return errors.New("this program ends")
	}

	started := make(chan error)
	g.jobs <- func() { started <- p.cmd.Start() }

	err := <-started
	if err == nil {
		g.running[p] = true
	}

	return err
}

// Run runs a command to its end. On Linux the kernel kills it when this process ends.
func Run(cmd *exec.Cmd) error {
	// The kernel does so when the thread ends that started the command.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd.SysProcAttr = attributes()

	return cmd.Run()
}

// PID returns the process's ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended: nil for exit code 0. It may be called once Done
// is closed.
func (p *Process) Err() error { return p.err }

// Kill sends SIGKILL and returns once the process has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // It may have ended already.
	<-p.done
}

// Terminate sends SIGTERM and returns an error unless the process ends within the given
// time, with exit code 0.
func (p *Process) Terminate(within time.Duration) error {
	if err := p.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop %s: %w", p.name, err)
	}

	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s exited with an error: %w", p.name, p.err)
		}

		return nil
	case <-time.After(within):
		return fmt.Errorf("%s still runs %s after SIGTERM", p.name, within)
	}
}

// Ended returns an error with the end of the log if the process has ended.
func (p *Process) Ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%w); the end of its log:\n%s", p.name, p.err, Tail(p.log))
	default:
		return nil
	}
}

// The ports that FreeAddress chooses from. Systems give higher ones to outgoing connections,
// any of which could take a port before the program that is to listen there has started.
const firstPort, lastPort = 20000, 32767

// FreeAddress returns an address with a free port: of a host, such as 127.0.0.1, or of all
// hosts of the machine if the host is empty.
func FreeAddress(host string) (string, error) {
	var err error

	for range 100 {
		address := net.JoinHostPort(host, strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort+1))) //nolint:gosec // Not a secret.
		if err = CheckFree(address); err == nil {
			return address, nil
		}
	}

	return "", fmt.Errorf("cannot find a free port: %w", err)
}

// CheckFree returns an error unless a program can listen on an address.
func CheckFree(address string) error {
	l, err := net.Listen("tcp", address) //nolint:noctx // It does not wait.
	if err != nil {
		return err
	}

	return l.Close()
}

// Tail returns the end of a file, for messages.
func Tail(file string) string {
	const most = 4096

	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}

	return string(b[max(0, len(b)-most):])
}

// LastLine returns the last line of a file, for messages.
func LastLine(file string) string {
	lines := strings.Split(strings.TrimSpace(Tail(file)), "\n")

	return lines[len(lines)-1]
}
