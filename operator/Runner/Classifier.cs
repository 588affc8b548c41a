using System.Globalization;
using System.Text.RegularExpressions;

namespace Slipway.Runner;

/// <summary>What is known of a run of buildctl that failed.</summary>
internal sealed record BuildctlFailure
{
    public required int ExitCode { get; init; }

    /// <summary>The last lines of stderr that were not progress.</summary>
    public required IReadOnlyCollection<string> Tail { get; init; }

    public Vertex? Failed { get; init; }

    /// <summary>False where buildctl never got as far as a step: then it was the builder that could not be had.</summary>
    public required bool Started { get; init; }

    public required BuildDescription Build { get; init; }
}

/// <summary>
/// Tells from buildctl's words whose fault a failure is; its exit code is 1 for everything. An ordered list of rules, the
/// first that recognises the text speaks. A message names what the description names and never quotes the text, which may
/// hold a secret.
/// </summary>
internal static partial class Classifier
{
    private static readonly Func<Facts, RunFailure?>[] Rules =
    [
        BuilderTls, BuilderUnreachable, RunStep, OutOfDisk, BuilderLost,
        Git, Dockerfile, Frontend, Target, RemoteFile, ContextFile,
        RegistryTls, RegistryBusy, TokenServerUnreachable, ArtifactRefused, BlobUnknown, RegistryAuth, BaseImage, RegistryUnreachable, RegistryRefused,
        DeadlineExceeded,
    ];

    /// <summary>
    /// buildctl's own words for what went wrong, without its progress. What a step runs is the user's text: it must not be able to
    /// look like an error of ours.
    /// </summary>
    public static string Errors(IEnumerable<string> tail, Vertex? failed) =>
        RunCommand().Replace(string.Join('\n', tail.Where(line => line.Contains("error:", StringComparison.OrdinalIgnoreCase)).Append(failed?.Error)), "process");

    public static RunFailure Classify(BuildctlFailure failure)
    {
        var facts = new Facts(failure);
        return Rules.Select(rule => rule(facts)).FirstOrDefault(verdict => verdict is not null)
            ?? facts.Failure(FailureClass.Unknown, FailureReasons.Unrecognised, $"buildctl ended with exit code {failure.ExitCode} for a reason that is not recognised: see the log of this Job.");
    }

    private static RunFailure? BuilderTls(Facts f) =>
        !f.AtBuilder || !(f.Has("x509:") || f.Has("tls: ")) ? null
        : f.Failure(FailureClass.Infrastructure, FailureReasons.BuilderUntrusted,
            $"The builder {f.Build.Builder.Name} and this build do not trust each other's certificates: its certificate must name {f.Build.Builder.ServerName} and "
            + (f.Build.Builder.ClientSecret is { } secret ? $"come from the ca.crt of Secret {secret}, and that Secret's tls.crt from an authority that the builder trusts." : "both must come from the pool's CA."));

    private static RunFailure? BuilderUnreachable(Facts f) =>
        !f.AtBuilder ? null
        : f.Failure(FailureClass.Infrastructure, FailureReasons.BuilderUnreachable,
            $"The builder {f.Build.Builder.Name} does not answer at {f.Build.Builder.Address}: see whether "
            + (f.Build.Builder.ClientSecret is null ? "its pod is ready, network policies let this namespace in, and this build's certificate is still valid." : "buildkitd runs there, and Jobs of this namespace may connect to it."));

    private static RunFailure? RunStep(Facts f)
    {
        if (f.RunExitCode is not { } code)
        {
            return null;
        }

        // 137 is SIGKILL, which a build step hardly ever sends itself: the kernel ran out of memory, or the builder went.
        return code == 137
            ? f.Failure(FailureClass.Infrastructure, FailureReasons.OutOfMemory, "The step was killed (exit code 137), most likely for want of memory: give the pool's builders more, or the step less to do at once.") with { ExitCode = code }
            : f.Failure(FailureClass.User, FailureReasons.RunStepFailed, $"A step of the Dockerfile ended with exit code {code}: its output is in the log of this Job.") with { ExitCode = code };
    }

    private static RunFailure? OutOfDisk(Facts f) =>
        !f.Has("no space left on device") ? null
        : f.Failure(FailureClass.Infrastructure, FailureReasons.OutOfDisk, $"The builder {f.Build.Builder.Name} has no space left: give the pool more storage or a stricter gc.");

    private static RunFailure? BuilderLost(Facts f) =>
        !BuilderGone().IsMatch(f.Text) ? null
        : f.Failure(FailureClass.Infrastructure, FailureReasons.BuilderLost, $"The builder {f.Build.Builder.Name} went away during the build.");

    private static RunFailure? Dockerfile(Facts f)
    {
        if (f.Has("failed to read dockerfile") && (f.Has("no such file") || f.Has("not found")))
        {
            return f.Failure(FailureClass.User, FailureReasons.DockerfileNotFound, $"There is no {f.Build.Dockerfile} in the build context: check spec.dockerfile and the source's subPath.");
        }

        if (!InvalidDockerfile().IsMatch(f.Text))
        {
            return null;
        }

        var line = ParseErrorLine().Match(f.Text) is { Success: true } match ? $" (line {match.Groups[1].Value})" : "";
        return f.Failure(FailureClass.User, FailureReasons.DockerfileInvalid, $"{f.Build.Dockerfile} cannot be parsed{line}: the log of this Job shows the place.");
    }

    private static RunFailure? Frontend(Facts f) =>
        !f.Has("is not an allowed gateway source") && !f.Has("is not an allowed frontend") ? null
        : f.Failure(FailureClass.Policy, FailureReasons.FrontendNotAllowed, $"The frontend that {f.Build.Dockerfile} asks for (its # syntax line) is not in the pool's list of frontends.");

    private static RunFailure? Target(Facts f) =>
        !MissingTarget().IsMatch(f.Text) ? null
        : f.Failure(FailureClass.User, FailureReasons.TargetNotFound, $"{f.Build.Dockerfile} has no stage named {f.Build.Target}.");

    private static RunFailure? Git(Facts f)
    {
        if (f.Build.Git is not { } git || !f.InGit)
        {
            return null;
        }

        return GitFailures.Classify(f.Text, git) is { } failure ? failure with { Step = f.Step }
            : f.Has("invalid subdir") || f.Has("no such file or directory") || f.Has("not a directory")
                ? f.Failure(FailureClass.Config, FailureReasons.SubPathNotFound, $"{git.Url} has no folder {git.SubPath} at this commit.")
            : null;
    }

    /// <summary>ADD of a URL. What answers is no registry, and what is missing no image.</summary>
    private static RunFailure? RemoteFile(Facts f)
    {
        if (!f.InRemoteFile)
        {
            return null;
        }

        return MissingUrl().IsMatch(f.Text)
            ? f.Failure(FailureClass.User, FailureReasons.ContextFileNotFound, "An ADD names a URL that is not there or may not be read (4xx): the step and the log of this Job show which.")
            : f.Failure(FailureClass.Infrastructure, FailureReasons.SourceUnreachable, "The host of a URL that an ADD names does not answer, or not as it should: the step and the log of this Job show which.");
    }

    private static RunFailure? ContextFile(Facts f)
    {
        if (!MissingFile().IsMatch(f.Text))
        {
            return null;
        }

        return f.Failure(FailureClass.User, FailureReasons.ContextFileNotFound, "A COPY or ADD names a file that is not in the build context (or is left out by .dockerignore), nor in the stage that it copies from.");
    }

    private static RunFailure? RegistryTls(Facts f) =>
        !f.Has("x509:") && !f.Has("server gave HTTP response to HTTPS client") && !f.Has("first record does not look like a TLS handshake") ? null
        : f.Failure(FailureClass.Config, FailureReasons.RegistryUntrusted, $"{f.RegistryRole} is not trusted: its CA belongs into the pool's registries (for the builder) and into output.ca (for this Job); a registry without TLS needs plainHTTP.");

    private static RunFailure? RegistryBusy(Facts f) =>
        !BusyStatus().IsMatch(f.Text) ? null
        : f.Failure(FailureClass.Registry, FailureReasons.RegistryUnavailable, $"{f.RegistryRole} is busy or broken (429 or 5xx).");

    /// <summary>It is asked for a token, and its silence says nothing of the credentials.</summary>
    private static RunFailure? TokenServerUnreachable(Facts f) =>
        !FetchToken().IsMatch(f.Text) || !NoConnection().IsMatch(f.Text) ? null
        : f.Failure(FailureClass.Registry, FailureReasons.RegistryUnavailable, $"The token server of {f.RegistryRole.Replace("The registry", "the registry", StringComparison.Ordinal)} cannot be reached.");

    /// <summary>Some registries call it a denial; the credentials have nothing to do with it.</summary>
    private static RunFailure? ArtifactRefused(Facts f) =>
        !f.InPush || !ArtifactRefusal.InWords(f.Text) ? null
        : f.Build.Attestations.MayBeArtifacts
            ? f.Failure(FailureClass.Config, FailureReasons.RegistryRefused, $"{f.RegistryRole} does not take attestations as OCI artifacts: set output.attestationFormat to Manifest.")
        : BlobUnknown(f) ?? RegistryRefused(f);

    /// <summary>The builder had pushed it, or had been told that it was there already.</summary>
    private static RunFailure? BlobUnknown(Facts f) =>
        !f.InPush || !UnknownBlob().IsMatch(f.Text) ? null
        : f.Failure(FailureClass.Registry, FailureReasons.ResultIncomplete, $"{f.RegistryRole} has lost a part of what was being pushed: it collected garbage meanwhile, or its replicas do not share their storage.");

    private static RunFailure? DeadlineExceeded(Facts f) =>
        !f.Has("DeadlineExceeded: context deadline exceeded") ? null
        : f.Failure(FailureClass.Infrastructure, FailureReasons.BuilderLost, $"Something that the builder {f.Build.Builder.Name} waited for did not come in time: see the log of this Job.");

    private static RunFailure? RegistryAuth(Facts f)
    {
        if (!NotAuthorised().IsMatch(f.Text))
        {
            return null;
        }

        // Docker Hub says the same of images that do not exist.
        return f.InPull && f.Has("repository does not exist or may require authorization") ? BaseImageMissing(f)
            : f.Failure(FailureClass.Config, FailureReasons.RegistryUnauthorized, $"{f.RegistryRole} refuses the credentials (401 or 403){f.SecretHint}.");
    }

    private static RunFailure? BaseImage(Facts f) =>
        f.InPull && (f.Has("not found") || f.Has("404") || f.Has("no match for platform") || f.Has("invalid reference format")) ? BaseImageMissing(f) : null;

    private static RunFailure BaseImageMissing(Facts f) => f.Failure(FailureClass.Config, FailureReasons.BaseImageNotFound,
        $"{f.BaseImage ?? "An image that the Dockerfile builds on"} does not exist for {f.Build.Platform}, or may not be pulled with the credentials of this build.");

    /// <summary>No answer of the registry's: whatever the network, or who has closed the connection, says of it.</summary>
    private static RunFailure? RegistryUnreachable(Facts f) =>
        (!f.InPull && !f.InPush && !f.Has("failed to copy: ")) || !NoConnection().IsMatch(f.Text) ? null
        : f.Failure(FailureClass.Registry, FailureReasons.RegistryUnavailable, $"{f.RegistryRole} cannot be reached from the builder.");

    private static RunFailure? RegistryRefused(Facts f) =>
        !f.InPush ? null
        : f.Failure(FailureClass.Config, FailureReasons.RegistryRefused, $"{f.RegistryRole} refuses the image: the log of this Job holds its answer.");

    /// <summary>The text and what is worked out of it once.</summary>
    private sealed class Facts
    {
        private readonly BuildctlFailure _failure;

        public Facts(BuildctlFailure failure)
        {
            _failure = failure;
            Text = Errors(failure.Tail, failure.Failed);
            RunExitCode = RunExit().Match(Text) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
                : Text.Contains("process did not complete successfully: signal: killed", StringComparison.Ordinal) ? 137 : null;
        }

        public string Text { get; }

        public int? RunExitCode { get; }

        public BuildDescription Build => _failure.Build;

        /// <summary>BuildKit's name for the step, where it is a line of the Dockerfile.</summary>
        public string? Step => _failure.Failed is { IsStep: true } step ? step.Name : null;

        public bool AtBuilder => !_failure.Started && (Has("failed to list workers") || Has("connection error") || Has("transport:") || Has("context deadline exceeded"));

        public bool InGit => Name.StartsWith("[internal] load git source", StringComparison.Ordinal) || Has("failed to fetch remote") || Has("git stderr") || Has("invalid subdir");

        public bool InRemoteFile => AddOfUrl().IsMatch(Name);

        public bool InPush => Name.StartsWith("exporting", StringComparison.Ordinal) || Has("failed to push");

        public bool InPull => !InPush && (Has("failed to resolve source metadata") || Has("failed to load cache key") || Has("pull access denied") || Has("failed to resolve image")
            || Name.StartsWith("[internal] load metadata for", StringComparison.Ordinal) || Name.Contains("] FROM ", StringComparison.Ordinal)
            || Name.StartsWith("resolve image config for", StringComparison.Ordinal) || Name.StartsWith("docker-image://", StringComparison.Ordinal));

        public string RegistryRole => InPull ? $"The registry of {BaseImage ?? "a base image"}" : $"The registry of {Build.Output.Image}";

        public string SecretHint => InPull ? ""
            : Build.Output.CredentialsSecret is { } secret ? $" in the Secret {secret} for {Build.Output.Image}"
            : ": this build has none (output.credentialsSecretRef)";

        /// <summary>A reference and nothing else is taken out of the text.</summary>
        public string? BaseImage => ImageInText().Match(Text + "\n" + Name) is { Success: true } match ? match.Groups[1].Value : null;

        private string Name => _failure.Failed?.Name ?? "";

        public bool Has(string text) => Text.Contains(text, StringComparison.OrdinalIgnoreCase);

        public RunFailure Failure(FailureClass kind, string reason, string message) =>
            new() { Class = kind, Reason = reason, Message = message, Step = Step };
    }

    [GeneratedRegex("process \".*\"(?= did not complete successfully)", RegexOptions.Singleline)]
    private static partial Regex RunCommand();

    [GeneratedRegex(@"process did not complete successfully:(?: [^\n]*)? ?exit code: (\d{1,3})(?!\d|: context canceled)")]
    private static partial Regex RunExit();

    // Whoever cancels a build here is asked before this: a cancellation that is left comes from a builder that stops.
    [GeneratedRegex(@"context canceled|code = Unavailable|Unavailable:|error reading from server|graceful_stop|closing transport|transport is closing|connection reset by peer.*rpc|client connection is closing|\bEOF\b(?=[^\n]*rpc)|no active session|no such job|frontend grpc server closed unexpectedly", RegexOptions.IgnoreCase)]
    private static partial Regex BuilderGone();

    [GeneratedRegex(@"dockerfile parse error|failed to parse (?:dockerfile|stage name|platform)|unknown instruction|file with no instructions|Dockerfile cannot be empty|failed to process|no build stage in current context|failed to create LLB definition|invalid reference format|base name \(.*\) should not be blank", RegexOptions.IgnoreCase)]
    private static partial Regex InvalidDockerfile();

    [GeneratedRegex(@"parse error (?:on )?line (\d+)|Dockerfile:(\d+)", RegexOptions.IgnoreCase)]
    private static partial Regex ParseErrorLine();

    [GeneratedRegex(@"target stage .* could not be found", RegexOptions.IgnoreCase)]
    private static partial Regex MissingTarget();

    [GeneratedRegex(@"failed to (?:calculate|compute) (?:checksum|cache key)[^\n]*(?:not found|no such file)|failed to walk [^\n]*no such file|lstat [^\n]*no such file|file not found in build context", RegexOptions.IgnoreCase)]
    private static partial Regex MissingFile();

    [GeneratedRegex(@"\] ADD (?:--\S+ )*https?://", RegexOptions.IgnoreCase)]
    private static partial Regex AddOfUrl();

    [GeneratedRegex(@"invalid response status 4(?!08|29)\d\d", RegexOptions.IgnoreCase)]
    private static partial Regex MissingUrl();

    [GeneratedRegex(@"failed to fetch (?:oauth|anonymous) token", RegexOptions.IgnoreCase)]
    private static partial Regex FetchToken();

    [GeneratedRegex(@"429 Too Many|toomanyrequests|too many requests|(?:unexpected status|received unexpected HTTP status)[^\n]*\b5\d\d\b|\b50[0234] (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)", RegexOptions.IgnoreCase)]
    private static partial Regex BusyStatus();

    [GeneratedRegex(@"blob (?:upload )?unknown", RegexOptions.IgnoreCase)]
    private static partial Regex UnknownBlob();

    [GeneratedRegex(@"401 Unauthorized|403 Forbidden|insufficient_scope|authorization failed|authentication required|access denied|unauthorized:|denied:|no basic auth credentials|failed to fetch (?:oauth|anonymous) token", RegexOptions.IgnoreCase)]
    private static partial Regex NotAuthorised();

    // The first is what containerd says of every request that no answer came to.
    [GeneratedRegex(@"failed to do request: |connection refused|no such host|i/o timeout|network is unreachable|no route to host|connection reset|connection timed out|broken pipe|use of closed network connection|context deadline exceeded|TLS handshake timeout|server misbehaving|EOF", RegexOptions.IgnoreCase)]
    private static partial Regex NoConnection();

    [GeneratedRegex(@"(?:resolve source metadata for|load metadata for|resolve image config for|\] FROM) (?:docker-image://)?([A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}[A-Za-z0-9])")]
    private static partial Regex ImageInText();
}
