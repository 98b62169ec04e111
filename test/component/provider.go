package component

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/test/process"
)

// Provider is a running process of the provider.
type Provider struct {
	*process.Process

	metrics string
}

// StartProvider starts the provider with additional arguments, alone unless these have the
// flag --leader-election. A fault of the proxy kills the provider that was started last.
func (e *Env) StartProvider(args ...string) (*Provider, error) {
	metrics, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return nil, err
	}

	argv := []string{e.binary, "--metrics-address=" + metrics, "--health-address=0"}
	if !slices.Contains(args, "--leader-election") {
		argv = append(argv, "--no-leader-election")
	}

	argv = append(argv, args...)

	// The provider continues after a race: Races finds it in the log.
	p, err := e.run(e.Name, []string{"KUBECONFIG=" + e.config, "GORACE=halt_on_error=0"}, argv...)
	if err != nil {
		return nil, err
	}

	e.Proxy.attach(p.Kill)

	return &Provider{Process: p, metrics: metrics}, nil
}

// Races returns an error if the race detector has reported a race in any provider so
// far.
func (e *Env) Races() error {
	log, err := e.WholeLog()
	if errors.Is(err, os.ErrNotExist) {
		// No provider ran.
		return nil
	}

	if err != nil {
		return err
	}

	if at := strings.Index(log, "WARNING: DATA RACE"); at >= 0 {
		return fmt.Errorf("the race detector found:\n%s", log[at:min(len(log), at+8192)])
	}

	return nil
}

// WholeLog returns the logs of all providers so far.
func (e *Env) WholeLog() (string, error) {
	log, err := os.ReadFile(e.dir + "/" + e.Name + ".log")
	if err != nil {
		return "", fmt.Errorf("cannot read the provider's log: %w", err)
	}

	return string(log), nil
}

// Log returns the end of WholeLog, for messages.
func (e *Env) Log() string { return process.Tail(e.dir + "/" + e.Name + ".log") }

// Stop ends the provider with SIGTERM, as Kubernetes does, and returns an error unless
// it ends within the given time, with exit code 0.
func (p *Provider) Stop(within time.Duration) error { return p.Terminate(within) }

// Reconciles returns how many reconciles of a kind have succeeded so far. Native kinds
// are named like user, those of the long tail like group.iam.
func (p *Provider) Reconciles(ctx context.Context, kind string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	if err != nil {
		return 0, err
	}

	rsp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("cannot read the provider's metrics: %w", err)
	}
	defer rsp.Body.Close()

	controller := `controller="managed/` + kind + `.`
	total, found := 0, false

	for lines := bufio.NewScanner(rsp.Body); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, "controller_runtime_reconcile_total{") || !strings.Contains(line, controller) ||
			strings.Contains(line, `result="error"`) {
			continue
		}

		n, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read the provider's metrics: %w", err)
		}

		total, found = total+int(n), true
	}

	if !found {
		return 0, errors.New("the provider's metrics do not count reconciles of " + kind)
	}

	return total, nil
}
