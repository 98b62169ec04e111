package component

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Provider is a running provider.
type Provider struct {
	*process

	metrics string
}

// StartProvider starts the provider with more arguments than those that it
// always gets. One runs at a time: it has the wire for itself.
func (b *Bed) StartProvider(args ...string) (*Provider, error) {
	metrics, err := freeAddress()
	if err != nil {
		return nil, err
	}

	argv := append([]string{
		b.binary, "--no-leader-election", "--metrics-address=" + metrics, "--health-address=0",
	}, args...)

	// A race is looked for in the log; the provider shall go on.
	p, err := b.run(b.Name, []string{"KUBECONFIG=" + b.config, "GORACE=halt_on_error=0"}, argv...)
	if err != nil {
		return nil, err
	}

	b.Wire.attach(p.kill)

	return &Provider{process: p, metrics: metrics}, nil
}

// Races returns what the race detector found in all providers so far.
func (b *Bed) Races() error {
	log, err := b.WholeLog()
	if errors.Is(err, os.ErrNotExist) {
		// None ran.
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
func (b *Bed) WholeLog() (string, error) {
	log, err := os.ReadFile(b.dir + "/" + b.Name + ".log")
	if err != nil {
		return "", fmt.Errorf("cannot read the provider's log: %w", err)
	}

	return string(log), nil
}

// Log returns the end of the logs of all providers so far, for people.
func (b *Bed) Log() string { return tail(b.dir + "/" + b.Name + ".log") }

// Kill ends the provider without a warning, if it runs.
func (p *Provider) Kill() { p.kill() }

// Stop has the provider end as Kubernetes does, and returns an error if it does
// not within a time, or not with exit code 0.
func (p *Provider) Stop(within time.Duration) error { return p.terminate(within) }

// Reconciles returns how many reconciles of a kind, such as user, have succeeded so
// far; kinds of the long tail are called group.iam and the like.
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
