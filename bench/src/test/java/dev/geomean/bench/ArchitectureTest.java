package dev.geomean.bench;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;

/// Which part of the project may know which other part.
class ArchitectureTest {

    private static final JavaClasses PROJECT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.geomean");

    @Test
    void sees_the_classes_of_every_module() {
        for (String module : new String[] {"engine", "model", "gmpo", "bench"}) {
            String name = "dev.geomean." + module;
            assertThat(PROJECT).as(name)
                    .anyMatch(c -> c.getPackageName().equals(name) || c.getPackageName().startsWith(name + "."));
        }
    }

    @Test
    void only_the_cpu_backend_uses_the_vector_api() {
        check(noClasses().that()
                .resideOutsideOfPackage("dev.geomean.engine.cpu..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jdk.incubator.vector..")
                .because("the rest of the project compiles and is read without an incubating API"));
    }

    @Test
    void the_engine_depends_on_the_jdk_alone() {
        check(noClasses().that()
                .resideInAPackage("dev.geomean.engine..")
                .should()
                .dependOnClassesThat(resideOutsideOfPackages("dev.geomean.engine..", "java..", "jdk..",
                        "org.jspecify..")));
    }

    @Test
    void the_engine_knows_neither_models_nor_objectives() {
        check(noClasses().that()
                .resideInAPackage("dev.geomean.engine..")
                .should()
                .dependOnClassesThat(resideInAnyPackage("dev.geomean.model..", "dev.geomean.gmpo..")));
    }

    @Test
    void models_know_no_objectives() {
        check(noClasses().that()
                .resideInAPackage("dev.geomean.model..")
                .should()
                .dependOnClassesThat(resideInAnyPackage("dev.geomean.gmpo..")));
    }

    @Test
    void nothing_depends_on_the_benchmarks() {
        check(noClasses().that()
                .resideOutsideOfPackage("dev.geomean.bench..")
                .should()
                .dependOnClassesThat(resideInAnyPackage("dev.geomean.bench..")));
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(PROJECT);
    }
}
