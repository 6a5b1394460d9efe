import java.util.logging.Level;
import java.util.logging.Logger;

public class Logging {
    public static void main(String[] arguments) throws Exception {
        System.setProperty("java.util.logging.SimpleFormatter.format",
            "2024-11-21T02:45:39Z %4$s %5$s%6$s%n");
        Logger log = Logger.getLogger("shop");
        log.info("starting");
        try {
            Integer.parseInt("seven");
        } catch (NumberFormatException error) {
            log.log(Level.SEVERE, "order refused", error);
        }
        log.info("an IllegalStateException: mentioned, not thrown");
        log.info("going on");
    }
}
