"""The tests of Django's that this backend fails, and is meant to, by the reason why."""

BY_DESIGN = {
    # A row may not be written before the row that it refers to, not even until the end of a
    # transaction: the services rely on it, and an error is where its cause is.
    "No foreign key is deferrable": {
        "backends.base.test_creation.TestDeserializeDbFromString.test_circular_reference",
        "backends.base.test_creation.TestDeserializeDbFromString"
        ".test_circular_reference_with_natural_key",
        "backends.base.test_creation.TestDeserializeDbFromString.test_self_reference",
        "backends.tests.FkConstraintsTests.test_check_constraints",
        "backends.tests.FkConstraintsTests.test_check_constraints_sql_keywords",
        "backends.tests.FkConstraintsTests.test_disable_constraint_checks_context_manager",
        "backends.tests.FkConstraintsTests.test_disable_constraint_checks_manually",
        "fixtures.tests.CircularReferenceTests.test_circular_reference",
        "fixtures.tests.ForwardReferenceTests.test_forward_reference_fk",
        "fixtures.tests.ForwardReferenceTests.test_forward_reference_m2m",
        "serializers.test_data.SerializerDataTests.test_json_serializer",
        "serializers.test_data.SerializerDataTests.test_jsonl_serializer",
        "serializers.test_data.SerializerDataTests.test_python_serializer",
        "serializers.test_data.SerializerDataTests.test_xml_serializer",
    },
    # They look into the list of what is deferred, and find it empty.
    "Keys, constraints and indexes are made with their table, not at a migration's end": {
        "indexes.tests.SchemaIndexesTests.test_alter_field_unique_false_removes_deferred_sql",
        "schema.tests.SchemaTests.test_rename_column_renames_deferred_sql_references",
        "schema.tests.SchemaTests.test_rename_table_renames_deferred_sql_references",
    },
}
