//go:build e2e

package clients

import (
	"os"
	"syscall"
)

var restic = &client{
	name: "restic", program: "restic", refused: "Access Denied",
	env:     []string{"RESTIC_PASSWORD=chosen-by-the-tenant", "SSL_CERT_FILE=$MNT/ca.crt"},
	version: `restic version | sed 's/restic \([^ ]*\).*/\1/'`,
	operations: map[string]string{
		"backup": `restic init && restic backup --quiet "$1" && restic check && restic restore latest --target "$2" && diff -r "$1" "$2/$1"`,
		"init":   `RESTIC_REPOSITORY=$RESTIC_REPOSITORY/second restic init`,
	},
}

// s3fs mounts the bucket for each operation. Its mounts are its own, and end with it.
var s3fs = &client{
	name: "s3fs", program: "s3fs", names: true, refused: "Operation not permitted|cannot mount|not connected",
	mute:    "Input/output error|Operation not permitted",
	env:     []string{"CURL_CA_BUNDLE=$MNT/ca.crt"},
	flags:   `-o "url=$AWS_ENDPOINT_URL_S3,endpoint=$AWS_REGION,use_path_request_style"`,
	version: `s3fs --version | sed -n '1s/.* V\([0-9.]*\) .*/\1/p'`,
	process: syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS},
	operations: mounted(map[string]string{
		"put":    `mkdir -p "$(dirname "s3/$2")" && cp "$1" "s3/$2"`,
		"get":    `cp "s3/$1" "$2"`,
		"head":   `stat --format %s "s3/$1"`,
		"copy":   `cp "s3/$1" "s3/$2"`,
		"move":   `mv "s3/$1" "s3/$2"`,
		"delete": `rm "s3/$1"`,
		"list":   `find "s3/$1"`,
	}),
}

// mounted returns operations that find the bucket mounted at s3.
func mounted(operations map[string]string) map[string]string {
	for op, line := range operations {
		operations[op] = `mkdir -p s3 && s3fs "$BUCKET_NAME" s3
			i=0; until mountpoint -q s3; do i=$((i+1)); [ $i -lt 100 ] || { echo cannot mount >&2; exit 1; }; sleep 0.1; done
			trap 'umount s3' EXIT
			` + line
	}

	return operations
}

// registry is a registry of container images, which keeps them in the bucket. Its operation
// runs until it is killed; images are pushed and pulled by this process.
var registry = &client{
	name: "docker-registry", program: "docker-registry", refused: "500|503|denied|unknown",
	env: []string{
		"SSL_CERT_FILE=$MNT/ca.crt", "REGISTRY_STORAGE=s3", "REGISTRY_STORAGE_S3_BUCKET=$BUCKET_NAME",
		"REGISTRY_STORAGE_S3_REGION=$AWS_REGION", "REGISTRY_STORAGE_S3_REGIONENDPOINT=$AWS_ENDPOINT_URL_S3",
	},
	version: `docker-registry --version | sed 's/.* \([0-9.]*\).*/\1/'`,
	operations: map[string]string{
		"registry": `echo 'version: 0.1' > config.yml && REGISTRY_HTTP_ADDR=$1 REGISTRY_STORAGE_S3_ROOTDIRECTORY=/images exec docker-registry serve config.yml`,
	},
}

// pgBackRest keeps the backups of a PostgreSQL in the bucket. PostgreSQL does not run as root:
// in a user namespace of its own, root is another user, with the same rights on files.
var pgBackRest = &client{
	name: "pgBackRest", program: "pgbackrest", refused: "403|AccessDenied",
	limits: map[string]string{rowPageElsewhere: "pgBackRest has no plain HTTP"},
	env: []string{
		"PGBACKREST_REPO1_STORAGE_CA_FILE=$MNT/ca.crt", "PGBACKREST_REPO1_TYPE=s3", "PGBACKREST_REPO1_S3_URI_STYLE=path",
		"PGBACKREST_REPO1_S3_ENDPOINT=$endpoint", "PGBACKREST_REPO1_S3_BUCKET=$BUCKET_NAME", "PGBACKREST_REPO1_S3_REGION=$AWS_REGION",
		"PGBACKREST_REPO1_S3_KEY=$AWS_ACCESS_KEY_ID", "PGBACKREST_REPO1_S3_KEY_SECRET=$AWS_SECRET_ACCESS_KEY",
	},
	version: `pgbackrest version | sed 's/.* //'`,
	process: syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}},
	},
	operations: map[string]string{
		"backup": postgres + `
			echo 'create table kept as select 42 as answer' | postgres --single -D pg postgres
			pg_ctl -w -D pg -l log start && trap 'pg_ctl -m immediate -D pg stop || :' EXIT
			pgbackrest stanza-create && pgbackrest check
			pgbackrest backup --type=full && pgbackrest backup --type=incr && pgbackrest expire --repo1-retention-full=1
			pg_ctl -w -m fast -D pg stop && rm -r pg && mkdir -m 700 pg
			pgbackrest restore
			pg_ctl -w -D pg -l log start && pg_ctl -w -m fast -D pg stop
			echo 'table kept' | postgres --single -D pg postgres | grep 'answer = "42"'`,
		"init": postgres + `PGBACKREST_REPO1_PATH=/second pgbackrest stanza-create --no-online`,
	},
}

// nobody is the user as whom PostgreSQL runs.
const nobody = 65534

// postgres makes a database and configures pgBackRest for it.
const postgres = `export PGBACKREST_STANZA=main PGBACKREST_PG1_PATH=$HOME/pg PGBACKREST_PG1_SOCKET_PATH=$HOME
	export PGBACKREST_LOG_PATH=$HOME PGBACKREST_LOCK_PATH=$HOME/lock PGBACKREST_LOG_LEVEL_CONSOLE=error PGBACKREST_REPO1_PATH=/first
	initdb --no-sync --auth trust -D pg > initdb.log
	cat >> pg/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$HOME'
fsync = off
archive_mode = on
archive_command = 'pgbackrest archive-push %p'
END
`
