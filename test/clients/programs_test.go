//go:build e2e

package clients

import "syscall"

// client is one S3 client. Its operations are lines of a shell, as a tenant would type
// them; $1, $2 and $3 are their arguments. An operation that is missing is one that the
// client does not have.
type client struct {
	name string
	// program is the name of the executable. pinned is the name of the pinned program
	// that it is built as, if any.
	program, pinned string
	// heading is the client's section of docs/tenants.md, if it is not name.
	heading string
	// env and flags are what the client needs besides the Secret: variables, and flags
	// that are put before the arguments of program. more is what it needs in code.
	env   []string
	flags string
	more  string

	version    string
	operations map[string]string
	// native carries out an operation in this process, in place of operations.
	native map[string]native
	// process has what the client's processes need of the kernel.
	process syscall.SysProcAttr
	// names is false for a client that sends names as they are typed, not encoded.
	names bool
	// refused is part of what the client says when the server denies access.
	refused string
	// limits are the tests that the client cannot pass on any server, and why.
	limits map[string]string
	// mute is what the client says in place of the server's words, if it keeps these to
	// itself.
	mute string
}

// clients are all clients, in the order of the matrix.
var clients = []*client{
	awsCLI, boto3, s3cmd, rclone, rcloneNow, mc, minioGo, sdkGo, sdkJS, minioJS, curl, restic, s3fs, registry, pgBackRest,
}

var awsCLI = &client{
	name: "aws-cli", program: "aws", names: true, refused: "AccessDenied|Forbidden",
	env:     []string{"AWS_CA_BUNDLE=$MNT/ca.crt"},
	flags:   `--endpoint-url "$AWS_ENDPOINT_URL_S3"`,
	limits:  map[string]string{rowIPv6: "aws-cli 2.9 takes no IPv6 address"},
	version: `aws --version | sed 's/[^ ]*\/\([0-9.]*\) .*/\1/'`,
	operations: map[string]string{
		"put":           `aws s3 cp --only-show-errors "$1" "s3://$BUCKET_NAME/$2"`,
		"get":           `aws s3 cp --only-show-errors "s3://$BUCKET_NAME/$1" "$2"`,
		"head":          `aws s3api head-object --bucket "$BUCKET_NAME" --key "$1"`,
		"copy":          `aws s3 cp --only-show-errors "s3://$BUCKET_NAME/$1" "s3://$BUCKET_NAME/$2"`,
		"move":          `aws s3 mv --only-show-errors "s3://$BUCKET_NAME/$1" "s3://$BUCKET_NAME/$2"`,
		"delete":        `aws s3 rm --only-show-errors "s3://$BUCKET_NAME/$1"`,
		"list":          `aws s3api list-objects-v2 --bucket "$BUCKET_NAME" --prefix "$1" --query 'Contents[].Key'`,
		"syncUp":        `aws s3 sync --only-show-errors "$1" "s3://$BUCKET_NAME/$2"`,
		"syncDown":      `aws s3 sync --only-show-errors "s3://$BUCKET_NAME/$1" "$2"`,
		"presignGet":    `aws s3 presign "s3://$BUCKET_NAME/$1"`,
		"versions":      `aws s3api list-object-versions --bucket "$BUCKET_NAME" --prefix "$1" --output text --query '[Versions,DeleteMarkers][][].VersionId'`,
		"getVersion":    `aws s3api get-object --bucket "$BUCKET_NAME" --key "$1" --version-id "$2" "$3"`,
		"deleteVersion": `aws s3api delete-object --bucket "$BUCKET_NAME" --key "$1" --version-id "$2"`,
		"retention":     `aws s3api get-object-retention --bucket "$BUCKET_NAME" --key "$1"`,
		"hold": `for status in ON OFF; do
			aws s3api put-object-legal-hold --bucket "$BUCKET_NAME" --key "$1" --legal-hold Status=$status
			aws s3api get-object-legal-hold --bucket "$BUCKET_NAME" --key "$1" --output text
		done`,
		"settings": `aws s3api get-bucket-versioning --bucket "$BUCKET_NAME"
			aws s3api get-object-lock-configuration --bucket "$BUCKET_NAME"`,
	},
}

var s3cmd = &client{
	name: "s3cmd", program: "s3cmd", names: true, refused: "AccessDenied|Access Denied|403",
	env:     []string{"SSL_CERT_FILE=$MNT/ca.crt"},
	flags:   `-c "$MNT/s3cfg"`,
	version: `s3cmd --version | sed 's/.* //'`,
	operations: map[string]string{
		"put":        `s3cmd put --quiet "$1" "s3://$BUCKET_NAME/$2"`,
		"get":        `s3cmd get --quiet --force "s3://$BUCKET_NAME/$1" "$2"`,
		"head":       `s3cmd info "s3://$BUCKET_NAME/$1"`,
		"copy":       `s3cmd cp --quiet "s3://$BUCKET_NAME/$1" "s3://$BUCKET_NAME/$2"`,
		"move":       `s3cmd mv --quiet "s3://$BUCKET_NAME/$1" "s3://$BUCKET_NAME/$2"`,
		"delete":     `s3cmd del --quiet "s3://$BUCKET_NAME/$1"`,
		"list":       `s3cmd ls --recursive "s3://$BUCKET_NAME/$1"`,
		"syncUp":     `s3cmd sync --quiet "$1/" "s3://$BUCKET_NAME/$2/"`,
		"syncDown":   `s3cmd sync --quiet "s3://$BUCKET_NAME/$1/" "$2/"`,
		"presignGet": `s3cmd signurl "s3://$BUCKET_NAME/$1" +3600`,
	},
}

var rclone = &client{
	name: "rclone", program: "rclone", names: true, refused: "AccessDenied|403",
	env:     []string{"SSL_CERT_FILE=$MNT/ca.crt"},
	flags:   `--config "$MNT/rclone.conf"`,
	version: `rclone version | sed -n '1s/rclone v\([0-9.]*\).*/\1/p'`,
	operations: map[string]string{
		"put":           `rclone copyto --retries 1 --s3-upload-cutoff 8M "$1" "s3:$BUCKET_NAME/$2"`,
		"get":           `rclone copyto --retries 1 "s3:$BUCKET_NAME/$1" "$2"`,
		"head":          `rclone lsl "s3:$BUCKET_NAME/$1"`,
		"copy":          `rclone copyto "s3:$BUCKET_NAME/$1" "s3:$BUCKET_NAME/$2"`,
		"move":          `rclone moveto "s3:$BUCKET_NAME/$1" "s3:$BUCKET_NAME/$2"`,
		"delete":        `rclone deletefile --retries 1 "s3:$BUCKET_NAME/$1"`,
		"list":          `rclone lsf --recursive "s3:$BUCKET_NAME/$1"`,
		"syncUp":        `rclone sync "$1" "s3:$BUCKET_NAME/$2"`,
		"syncDown":      `rclone sync "s3:$BUCKET_NAME/$1" "$2"`,
		"presignGet":    `rclone link "s3:$BUCKET_NAME/$1"`,
		"hiddenCleanup": `rclone backend cleanup-hidden "s3:$BUCKET_NAME/$1"`,
	},
}

// rcloneNow is a current rclone, with the same files and lines as Debian's.
var rcloneNow = &client{
	name: "rclone (current)", heading: "rclone", program: "rclone", pinned: "rclone", names: true, refused: rclone.refused,
	env: rclone.env, flags: rclone.flags, version: rclone.version, operations: rclone.operations,
}

var mc = &client{
	name: "mc", program: "mc", pinned: "mc", names: true,
	// To copy an object that it may not read, mc cannot guess the type of the copy.
	refused: "Access Denied|Insufficient permissions|Unable to guess",
	env:     []string{"SSL_CERT_FILE=$MNT/ca.crt"},
	operations: map[string]string{
		"put":           `mc cp --quiet "$1" "s3/$BUCKET_NAME/$2"`,
		"get":           `mc cp --quiet "s3/$BUCKET_NAME/$1" "$2"`,
		"head":          `mc stat --json "s3/$BUCKET_NAME/$1"`,
		"copy":          `mc cp --quiet "s3/$BUCKET_NAME/$1" "s3/$BUCKET_NAME/$2"`,
		"move":          `mc mv --quiet "s3/$BUCKET_NAME/$1" "s3/$BUCKET_NAME/$2"`,
		"delete":        `mc rm --quiet "s3/$BUCKET_NAME/$1"`,
		"list":          `mc ls --recursive "s3/$BUCKET_NAME/$1"`,
		"syncUp":        `mc mirror --quiet --overwrite "$1" "s3/$BUCKET_NAME/$2"`,
		"syncDown":      `mc mirror --quiet "s3/$BUCKET_NAME/$1" "$2"`,
		"presignGet":    `mc share download --json "s3/$BUCKET_NAME/$1" | sed 's/.*"share":"\([^"]*\)".*/\1/; s/\\u0026/\&/g'`,
		"versions":      `mc ls --versions --json "s3/$BUCKET_NAME/$1" | sed -n 's/.*"versionId":"\([^"]*\)".*/\1/p'`,
		"getVersion":    `mc cp --quiet --version-id "$2" "s3/$BUCKET_NAME/$1" "$3"`,
		"deleteVersion": `mc rm --quiet --version-id "$2" "s3/$BUCKET_NAME/$1"`,
		"retention":     `mc retention info "s3/$BUCKET_NAME/$1"`,
		"hold": `mc legalhold set "s3/$BUCKET_NAME/$1" && mc legalhold info "s3/$BUCKET_NAME/$1"
			mc legalhold clear "s3/$BUCKET_NAME/$1" && mc legalhold info "s3/$BUCKET_NAME/$1"`,
		"settings":    `mc version info "s3/$BUCKET_NAME" && mc retention info --default "s3/$BUCKET_NAME" && mc stat "s3/$BUCKET_NAME"`,
		"presignPost": `mc share upload --json "s3/$BUCKET_NAME/$1"`,
		"undo":        `mc undo --quiet --force "s3/$BUCKET_NAME/$1"`,
	},
}

var curl = &client{
	name: "curl", program: "curl", refused: "AccessDenied|403",
	env: []string{"CURL_CA_BUNDLE=$MNT/ca.crt"},
	flags: `--aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"` +
		` --silent --show-error --fail-with-body`,
	version: `curl --version | sed -n '1s/curl \([0-9.]*\).*/\1/p'`,
	operations: map[string]string{
		"put":    `curl --upload-file "$1" "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME/$2"`,
		"get":    `curl --output "$2" "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME/$1" || { cat "$2"; exit 1; }`,
		"head":   `curl --head "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME/$1"`,
		"delete": `curl --request DELETE "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME/$1"`,
		"list":   `curl "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME?list-type=2&prefix=$(echo "$1" | sed 's,/,%2F,g')"`,
	},
}
