import type { CodeableConcept, ObservationComponent, Quantity } from 'fhir/r4';

/** @returns the components in one line, in their order, or undefined when there are none */
export function summaryText(components: readonly ObservationComponent[]): string | undefined {
  return components.length === 0 ? undefined : components.map(componentText).join(', ');
}

function componentText({ code, ...component }: ObservationComponent): string {
  return `${code.text ?? ''} = ${valueText(component)}`;
}

function valueText({ valueQuantity, valueInteger, valueCodeableConcept }: Omit<ObservationComponent, 'code'>): string {
  if (valueQuantity !== undefined) return quantityText(valueQuantity);
  if (valueInteger !== undefined) return String(valueInteger);
  return valueCodeableConcept === undefined ? 'unknown' : conceptText(valueCodeableConcept);
}

/** The unit of UCUM where there is one, because what devices call it varies; "1" is not said. */
function quantityText({ value, code, unit }: Quantity): string {
  const said = code === '1' ? undefined : (code ?? unit);
  return said === undefined ? String(value) : `${String(value)} ${said}`;
}

function conceptText({ text, coding }: CodeableConcept): string {
  return text ?? coding?.[0]?.code ?? 'unknown';
}
