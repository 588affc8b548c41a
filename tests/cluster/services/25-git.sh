# shellcheck shell=bash
# A git server over smart HTTP: $STATE/git/NAME.git is GIT_URL/NAME.git, which anybody
# can clone and nobody can push to (push to the folder).

git_up() {
    mkdir -p "$STATE/git"
    # A depth-1 fetch of any commit by its id is what public git hosts allow too.
    cat >"$STATE/git.conf" <<CONF
server.modules = ("mod_setenv", "mod_alias", "mod_cgi")
server.bind = "$HOST_ADDRESS"
server.port = $GIT_PORT
server.document-root = "/var/empty"
server.upload-dirs = ("/tmp")
setenv.set-environment = (
    "GIT_PROJECT_ROOT" => "$STATE/git", "GIT_HTTP_EXPORT_ALL" => "1", "GIT_CONFIG_COUNT" => "2",
    "GIT_CONFIG_KEY_0" => "safe.directory", "GIT_CONFIG_VALUE_0" => "*",
    "GIT_CONFIG_KEY_1" => "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1" => "true")
alias.url = ("/" => "/usr/lib/git-core/git-http-backend/")
cgi.assign = ("" => "")
CONF
    service_start git -- "$CLUSTER_SCRIPTS/lib/in-trixie.sh" "$STATE" lighttpd -D -f "$STATE/git.conf"
    service_ready git 20 curl -s -o /dev/null "http://$HOST_ADDRESS:$GIT_PORT/"
    put_env GIT_URL "http://$HOST_ADDRESS:$GIT_PORT"
    put_env GIT_ROOT "$STATE/git"
}

git_down() {
    service_stop git
    rm -rf "$STATE/git" "$STATE/git.conf"
}
