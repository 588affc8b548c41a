namespace Slipway.Tests.Integration.ApiServer;

[CollectionDefinition(Name)]
public sealed class ApiServerTests : ICollectionFixture<ApiServerFixture>
{
    public const string Name = "api server";
}

/// <summary>One API server for all tests of the collection, with the operator running against it in this process.</summary>
public sealed class ApiServerFixture : LocalApiServer, IAsyncLifetime
{
    private RunningOperator? _operator;
    private StatusWatch? _statuses;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _statuses = await StatusWatch.StartAsync(Client);
        await StartOperatorAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await StopOperatorAsync();
        try
        {
            if (_statuses is not null) await _statuses.CheckAsync();
        }
        finally
        {
            if (_statuses is not null) await _statuses.DisposeAsync();
            await base.DisposeAsync();
        }
    }

    internal async Task StartOperatorAsync() => _operator = await RunningOperator.StartAsync(OperatorSettings(), OperatorConfig());

    internal async Task StopOperatorAsync()
    {
        if (_operator is { } running) await running.DisposeAsync();
        _operator = null;
    }
}
