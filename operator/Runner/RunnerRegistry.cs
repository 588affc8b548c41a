using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>The output repository, with the credentials that the pod mounts.</summary>
internal static class RunnerRegistry
{
    public static RegistryClient Connect(OutputDescription output, byte[]? config, TimeProvider time)
    {
        var repository = RepositoryName.Parse(output.Image);
        try
        {
            return RegistryClient.Create(
                new RegistryConnection
                {
                    Repository = repository,
                    Credentials = config is null ? null : DockerConfig.Credentials(config, repository.Host),
                    PlainHttp = output.PlainHttp,
                    Ca = output.Ca,
                },
                time);
        }
        catch (FormatException e)
        {
            throw new RunFailureException(FailureClass.Config, FailureReasons.CredentialsInvalid, $"{e.Message}: {Where(output)}.");
        }
    }

    /// <summary>The Docker config of the output; null for anonymous use.</summary>
    public static byte[]? Config(OutputDescription output) =>
        output.CredentialsDirectory is not { } folder ? null
        : CredentialFiles.Read(folder) ?? throw new RunFailureException(
            FailureClass.Config,
            FailureReasons.CredentialsSecretMissing,
            $"The Secret {output.CredentialsSecret ?? "of output.credentialsSecretRef"} is not in this namespace, or has no .dockerconfigjson.");

    /// <summary>Runs what talks to the registry and names its refusals.</summary>
    public static async Task GuardAsync(OutputDescription output, TextWriter log, Func<Task> calls)
    {
        try
        {
            await calls();
        }
        catch (RegistryException e)
        {
            await log.WriteLineAsync($"registry: {e.Message}");
            throw new RunFailureException(RegistryFailures.Of(e, output));
        }
    }

    private static string Where(OutputDescription output) =>
        output.CredentialsSecret is { } secret ? $"see the Secret {secret} and output.ca" : "see output.ca";
}
