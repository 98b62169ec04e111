//go:build e2e

package clients

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

var (
	onPlatform = flag.Bool("platform", false, "use claims on the platform that is up, not the component environment")
	update     = flag.Bool("update", false, "write the tables of docs/clients.md")
)

// found are the programs of the clients; issued are the Secrets by the names of secrets;
// scripts is the directory of the scripts for libraries.
var (
	found   programs
	issued  map[string]map[string][]byte
	scripts string
)

// cluster is where kubectl finds the Secret of writer, and data what it holds.
var cluster struct {
	kubeconfig, kubectl, namespace, secret string
	data                                   map[string][]byte
}

// The names of the issued Secrets.
const (
	writer      = "writer"       // reads and writes a bucket
	reader      = "reader"       // only reads the same bucket
	other       = "other"        // reads and writes another tenant's bucket
	versioned   = "versioned"    // a bucket with versions
	locked      = "locked"       // a bucket whose objects are retained
	full        = "full"         // a bucket with a quota of 100 KiB
	beforeNew   = "before-new"   // a key that was replaced, in its overlap
	afterNew    = "after-new"    // the key that replaced it
	ended       = "ended"        // a key that was replaced, after its overlap
	otherRegion = "other-region" // a bucket of a server in another region, without TLS
	ipv6        = "ipv6"         // another bucket of that server, at an IPv6 address
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Programs that are not in the cache yet take minutes, Velero most of them.
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute)
	defer cancel()

	begin := time.Now()

	if err := find(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		return 1
	}

	start := startComponent
	if *onPlatform {
		start = startPlatform
	}

	defer environment.stop()

	stop, err := start(ctx)
	defer stop()

	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		return 1
	}

	fmt.Fprintf(os.Stderr, "  The Secrets are issued after %s.\n", time.Since(begin).Round(100*time.Millisecond))

	code := m.Run()
	fmt.Fprint(os.Stderr, results.text())

	if err := document(code == 0); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)

		code = 1
	}

	return code
}

// find fetches the programs that are not in the cache. A program that this machine cannot
// have is missing; any other failure is an error.
func find(ctx context.Context) error {
	repo, err := tools.RepoDir()
	if err != nil {
		return err
	}

	scripts = filepath.Join(repo, "test", "clients", "testdata")
	found.missing = map[string]error{}

	if found.pinned, err = tools.Build(ctx, os.Stderr, "aws-sdk-go", "mc", "rclone", "velero", "velero-plugin-for-aws"); err != nil {
		return err
	}

	// A program that this machine cannot have is no error.
	fetched := func(err error, programs ...string) error {
		if !errors.Is(err, tools.ErrMissing) {
			return err
		}

		for _, program := range programs {
			found.missing[program] = err
		}

		return nil
	}

	debian, errDebian := tools.DebianClients(ctx, os.Stderr)
	services, errServices := tools.DebianServices(ctx, os.Stderr)
	node, errNode := tools.NodeModules(ctx, os.Stderr)
	chromium, errChromium := tools.DebianChromium(ctx, os.Stderr)
	found.debian, found.services, found.node, found.chromium = debian, services, node, chromium

	return errors.Join(
		fetched(errDebian, awsCLI.program, boto3.program, s3cmd.program, rclone.program, restic.program),
		fetched(errServices, s3fs.program, registry.program, pgBackRest.program),
		fetched(errNode, sdkJS.program, minioJS.program),
		fetched(errChromium, clientConsole))
}
