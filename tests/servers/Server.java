import java.nio.file.Path;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** Runs a Neo4j server until it is told to stop or the process that wanted it is gone: Server HOME CONF PID. */
public class Server {
    public static void main(String[] arguments) throws Exception {
        var wanted = ProcessHandle.of(Long.parseLong(arguments[2])).orElseThrow();
        var server = new DatabaseManagementServiceBuilder(Path.of(arguments[0]))
            .loadPropertiesFromFile(Path.of(arguments[1]))
            .build();
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
        wanted.onExit().join();
        System.exit(0);
    }
}
