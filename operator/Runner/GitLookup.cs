namespace Slipway.Runner;

/// <summary>
/// Which commit a revision means, by BuildKit's own rule, so that it is the commit that BuildKit would have built: an exact
/// name (refs/…, or heads/… and tags/…), then a branch, then a tag, annotated tags peeled to their commit.
/// </summary>
internal static class GitRefs
{
    private const string Peeled = "^{}";

    /// <summary>A full SHA-1 or SHA-256 commit needs no lookup.</summary>
    public static bool IsCommit(string revision) =>
        revision.Length is 40 or 64 && revision.All(char.IsAsciiHexDigitLower);

    /// <summary>Null where the name cannot be a ref; git check-ref-format's rules, and no leading dash.</summary>
    public static string? Problem(string revision) =>
        revision.Length is 0 or > 250 ? "is empty or longer than 250 characters"
        : revision.Any(c => c is <= ' ' or '\u007f' or '~' or '^' or ':' or '?' or '*' or '[' or '\\' or '#') || revision.Contains("..", StringComparison.Ordinal)
            || revision.Contains("@{", StringComparison.Ordinal) || revision.Contains("//", StringComparison.Ordinal) || revision[0] is '-' or '/' || revision[^1] is '/' or '.'
            ? "is no branch, tag or commit name"
        : null;

    /// <summary>What to ask ls-remote for. It matches from the right, so only these exact names are looked at in the answer.</summary>
    public static IReadOnlyList<string> Candidates(string revision) =>
        revision == "HEAD" ? ["HEAD"]
        : [.. new[] { revision, $"refs/{revision}", $"refs/heads/{revision}", $"refs/tags/{revision}" }.Where(name => name.StartsWith("refs/", StringComparison.Ordinal))];

    public static string? Commit(string revision, string lsRemote)
    {
        var refs = lsRemote.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t', 2))
            .Where(fields => fields.Length == 2)
            .ToLookup(fields => fields[1].TrimEnd('\r'), fields => fields[0]);
        return Candidates(revision)
            .Select(name => refs[name + Peeled].FirstOrDefault() ?? refs[name].FirstOrDefault())
            .FirstOrDefault(commit => commit is not null && IsCommit(commit));
    }
}

/// <summary>Asks the repository, without cloning it.</summary>
internal sealed class GitLookup(IProcessRunner processes, TextWriter log, TimeProvider time)
{
    private const int MaxOutput = 1024 * 1024;

    private static readonly string[] AllowedProtocols = ["https", "http", "ssh"];

    /// <summary>The commit. Its own limit is a failure; what else <paramref name="token"/> means is for the caller to say.</summary>
    public async Task<string> CommitAsync(GitSource git, TimeSpan limit, CancellationToken token)
    {
        if (GitRefs.IsCommit(git.Revision))
        {
            return git.Revision;
        }

        using var home = new TemporaryFolder();
        using var process = processes.Start(Command(git, home.Path));
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, deadline.Token);
        try
        {
            var error = ReadAsync(process.Error, either.Token);
            var output = await ReadAsync(process.Output, either.Token);
            var code = await process.Exit.WaitAsync(either.Token);
            return code == 0
                ? GitRefs.Commit(git.Revision, output) ?? throw new RunFailureException(GitFailures.RevisionNotFound(git))
                : throw Failure(git, await error);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            throw new RunFailureException(FailureClass.Infrastructure, FailureReasons.SourceUnreachable, $"{git.Url} did not answer in {limit.TotalSeconds} s.");
        }
        finally
        {
            if (!process.Exit.IsCompleted)
            {
                process.Kill();
            }
        }
    }

    private static ProcessCommand Command(GitSource git, string home) => new()
    {
        Program = "git",
        Arguments =
        [
            "-c", "protocol.allow=never",
            .. AllowedProtocols.SelectMany(protocol => new[] { "-c", $"protocol.{protocol}.allow=always" }),
            "ls-remote", "--", GitUrl.ForBuildKit(git.Url),
            .. GitRefs.Candidates(git.Revision).SelectMany(name => new[] { name, name + "^{}" }),
        ],
        Environment = new Dictionary<string, string>
        {
            ["PATH"] = RunnerEnvironment.Path,
            ["HOME"] = home,
            ["LC_ALL"] = "C",
            ["GIT_TERMINAL_PROMPT"] = "0",
            ["GIT_ASKPASS"] = "true",
            ["GIT_CONFIG_NOSYSTEM"] = "1",
            ["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes -o ConnectTimeout=15",
        },
    };

    private RunFailureException Failure(GitSource git, string error)
    {
        log.WriteLine(error.TrimEnd());
        return new RunFailureException(GitFailures.Classify(error, git) ?? new RunFailure
        {
            Class = FailureClass.Infrastructure,
            Reason = FailureReasons.SourceUnreachable,
            Message = $"git could not ask {git.Url} for {git.Revision}: see the log of this Job.",
        });
    }

    private static async Task<string> ReadAsync(TextReader reader, CancellationToken token)
    {
        var buffer = new char[MaxOutput];
        var length = await reader.ReadBlockAsync(buffer, token);
        return new string(buffer, 0, length);
    }
}
